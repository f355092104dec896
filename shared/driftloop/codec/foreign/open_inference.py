"""The Open Inference Protocol's protobuf messages (`inference.ModelInferRequest`, `ModelInferResponse`) as its JSON.

Tensors come with typed contents or, apart from them, as raw little-endian bytes in the order of the tensors.
"""

import struct
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from google.protobuf import descriptor_pb2

from driftloop.codec.foreign.protobuf import ForeignProtobuf

Part = Literal["request", "response"]

_KINDS = descriptor_pb2.FieldDescriptorProto
_CONTENTS = {
    "bool_contents": _KINDS.TYPE_BOOL, "int_contents": _KINDS.TYPE_INT32, "int64_contents": _KINDS.TYPE_INT64,
    "uint_contents": _KINDS.TYPE_UINT32, "uint64_contents": _KINDS.TYPE_UINT64, "fp32_contents": _KINDS.TYPE_FLOAT,
    "fp64_contents": _KINDS.TYPE_DOUBLE, "bytes_contents": _KINDS.TYPE_BYTES,
}  # fmt: skip
_FORMATS = {
    "BOOL": "?", "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q", "INT8": "b", "INT16": "h", "INT32": "i",
    "INT64": "q", "FP16": "e", "FP32": "f", "FP64": "d",
}  # fmt: skip
_SIDES: dict[Part, tuple[str, str, str, int]] = {
    "request": ("ModelInferRequest", "inputs", "raw_input_contents", 7),
    "response": ("ModelInferResponse", "outputs", "raw_output_contents", 6),
}


def read_open_inference(data: bytes, part: Part) -> dict[str, Any]:
    """The body in the protocol's JSON form; raises ValueError if the bytes are no such message."""
    reader = _reader()
    return as_json(reader.read(data, reader.by_name(f"inference.{_SIDES[part][0]}")))


def as_json(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message that was read by any descriptor of the protocol, as its JSON; raises ValueError.

    >>> tensor = {"name": "x", "datatype": "INT32", "shape": [2], "contents": None}
    >>> as_json({"inputs": [tensor], "raw_input_contents": [bytes([1, 0, 0, 0, 2, 0, 0, 0])]})["inputs"][0]["data"]
    [1, 2]
    """
    _, tensors, raw, _ = _SIDES["request" if "raw_input_contents" in message else "response"]
    blobs, found = message.get(raw) or [], message.get(tensors) or []
    if blobs and len(blobs) != len(found):
        raise ValueError(f"{raw} has {len(blobs)} entries for {len(found)} tensors")
    bodies = [_tensor(tensor, blobs[n] if blobs else None, f"{tensors}[{n}]") for n, tensor in enumerate(found)]
    return {"id": message.get("id"), "model_version": message.get("model_version"), tensors: bodies}


def is_message(document: Any) -> bool:
    """Whether a document is such a message, read by a descriptor, and not the protocol's JSON."""
    return isinstance(document, Mapping) and bool({"raw_input_contents", "raw_output_contents"} & document.keys())


def _tensor(tensor: Mapping[str, Any], raw: bytes | None, path: str) -> dict[str, Any]:
    datatype = str(tensor.get("datatype"))
    if raw is not None:
        data = _raw(raw, datatype, path)
    else:
        contents = tensor.get("contents") or {}
        data = next((list(contents[name]) for name in _CONTENTS if contents.get(name)), [])
        data = [_text(one, path) if isinstance(one, bytes) else one for one in data]
    return {"name": tensor.get("name"), "datatype": datatype, "shape": list(tensor.get("shape") or []), "data": data}


def _raw(data: bytes, datatype: str, path: str) -> list[Any]:
    if datatype == "BYTES":
        return _texts(data, path)
    one = _FORMATS.get(datatype)
    if one is None or len(data) % struct.calcsize(f"<{one}"):
        raise ValueError(f"the raw contents of {path} are {len(data)} bytes of {datatype}")
    return list(struct.unpack(f"<{len(data) // struct.calcsize(f'<{one}')}{one}", data))


def _texts(data: bytes, path: str) -> list[str]:
    found, at = [], 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "little")
        if end > len(data):
            raise ValueError(f"the raw contents of {path} end within a text")
        found.append(_text(data[at + 4 : end], path))
        at = end
    return found


def _text(data: bytes, path: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} holds bytes that are no text") from error


@cache
def _reader() -> ForeignProtobuf:
    return ForeignProtobuf([open_inference_file().SerializeToString()])


def open_inference_file() -> descriptor_pb2.FileDescriptorProto:
    """The parts of `grpc_predict_v2.proto` that are read, by their numbers there."""
    file = descriptor_pb2.FileDescriptorProto(
        name="driftloop/open_inference.proto", package="inference", syntax="proto3"
    )
    contents = file.message_type.add(name="InferTensorContents")
    for number, (name, kind) in enumerate(_CONTENTS.items(), 1):
        contents.field.add(name=name, number=number, type=kind, label=_KINDS.LABEL_REPEATED)
    tensor = file.message_type.add(name="InferTensor")
    _texts_of(tensor, {"name": 1, "datatype": 2})
    tensor.field.add(name="shape", number=3, type=_KINDS.TYPE_INT64, label=_KINDS.LABEL_REPEATED)
    _messages_of(tensor, "contents", 5, "InferTensorContents", _KINDS.LABEL_OPTIONAL)
    for name, tensors, raw, number in _SIDES.values():
        message = file.message_type.add(name=name)
        _texts_of(message, {"model_name": 1, "model_version": 2, "id": 3})
        _messages_of(message, tensors, 5, "InferTensor", _KINDS.LABEL_REPEATED)
        message.field.add(name=raw, number=number, type=_KINDS.TYPE_BYTES, label=_KINDS.LABEL_REPEATED)
    return file


def _texts_of(message: descriptor_pb2.DescriptorProto, fields: dict[str, int]) -> None:
    for name, number in fields.items():
        message.field.add(name=name, number=number, type=_KINDS.TYPE_STRING, label=_KINDS.LABEL_OPTIONAL)


def _messages_of(
    message: descriptor_pb2.DescriptorProto, name: str, number: int, of: str, label: "_KINDS.Label.ValueType"
) -> None:
    message.field.add(name=name, number=number, type=_KINDS.TYPE_MESSAGE, label=label, type_name=f".inference.{of}")
