"""Somebody else's Protobuf, read by a descriptor: no generated code is needed.

Why not `json_format`: it writes 64-bit integers as texts, and a feature would become a category without a word.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Any

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    json_format,
    message_factory,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

_KNOWN = (timestamp_pb2, duration_pb2, wrappers_pb2, struct_pb2)
_WRAPPERS = "google.protobuf."
_STRUCTS = {"google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"}
_MOST_DEPTH = 60


class ForeignProtobuf:
    """Reads the messages of some files' descriptors. Raises ValueError if they cannot be used."""

    def __init__(self, files: Iterable[bytes]) -> None:
        self._pool = descriptor_pool.DescriptorPool()
        self._names: list[str] = []
        try:
            for module in _KNOWN:
                self._pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
            known = {module.DESCRIPTOR.name for module in _KNOWN}
            for data in files:
                file = descriptor_pb2.FileDescriptorProto.FromString(data)
                if file.name not in known:
                    self._pool.AddSerializedFile(data)
                    self._names.append(file.name)
            self._files = [self._pool.FindFileByName(name) for name in self._names]
        except (DecodeError, TypeError, KeyError, ValueError) as error:
            raise ValueError(f"the descriptor cannot be used: {error}") from error

    def by_name(self, name: str) -> Descriptor:
        """The message of that full name; raises ValueError if there is none."""
        try:
            return self._pool.FindMessageTypeByName(name)
        except KeyError as error:
            raise ValueError(f"the descriptor has no message '{name}'") from error

    def by_indexes(self, indexes: Sequence[int]) -> Descriptor:
        """The message that Confluent's indexes name, in the last file; raises ValueError if there is none."""
        try:
            found = list(self._files[-1].message_types_by_name.values())[indexes[0]]
            for index in indexes[1:]:
                found = found.nested_types[index]
        except LookupError as error:
            raise ValueError(f"the descriptor has no message at the indexes {list(indexes)}") from error
        return found

    def read(self, data: bytes, of: Descriptor) -> dict[str, Any]:
        """The message in `data` as a dict; a field that is not set and can say so is None. Raises ValueError."""
        message = message_factory.GetMessageClass(of)()
        try:
            message.ParseFromString(data)
        except DecodeError as error:
            raise ValueError(f"the value is no {of.full_name}: {error}") from error
        return _fields(message, 0)


def files_of_set(descriptor_set: bytes) -> list[bytes]:
    """The files of a FileDescriptorSet, in its order (imports come first); raises ValueError."""
    try:
        return [file.SerializeToString() for file in descriptor_pb2.FileDescriptorSet.FromString(descriptor_set).file]
    except DecodeError as error:
        raise ValueError(f"the descriptor is no FileDescriptorSet: {error}") from error


def _fields(message: Message, depth: int) -> dict[str, Any]:
    if depth > _MOST_DEPTH:
        raise ValueError(f"the message is nested more than {_MOST_DEPTH} deep")
    return {field.name: _field(message, field, depth) for field in message.DESCRIPTOR.fields}


def _field(message: Message, field: Any, depth: int) -> Any:
    value = getattr(message, field.name)
    if field.is_repeated:
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            of = entry.fields_by_name["value"]
            return {str(key): _value(value[key], of, depth) for key in value}
        return [_value(one, field, depth) for one in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _value(value, field, depth)


def _value(value: Any, field: FieldDescriptor, depth: int) -> Any:
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known is not None else value
    return _message(value, depth) if isinstance(value, Message) else value


def _message(message: Message, depth: int) -> Any:
    name = message.DESCRIPTOR.full_name
    if name == "google.protobuf.Timestamp":
        moment = timestamp_pb2.Timestamp.FromString(message.SerializeToString())
        return moment.ToDatetime(tzinfo=UTC)
    if name in _STRUCTS:
        return json_format.MessageToDict(message)
    if name == "google.protobuf.Duration":
        span = duration_pb2.Duration.FromString(message.SerializeToString())
        return span.seconds + span.nanos / 1e9
    if name.startswith(_WRAPPERS) and name.endswith("Value"):
        return _fields(message, depth + 1)["value"]
    return _fields(message, depth + 1)
