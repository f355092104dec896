"""The bytes that producers write: by their own libraries where those run here, by the documented form where not."""

import base64
import io
import json
import struct
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import fastavro
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

from driftloop.codec.foreign.open_inference import open_inference_file

AT = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
AT_MS = int(AT.timestamp() * 1000)
GUID = UUID("7f3a1a52-6f0e-4c0b-9b1e-0d4a4c9f7a11")
AVRO_SCHEMA = {
    "type": "record",
    "name": "Scored",
    "namespace": "bank",
    "fields": [
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "version", "type": "string"},
        {
            "name": "features",
            "type": {
                "type": "record",
                "name": "Features",
                "fields": [
                    {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
                    {"name": "channel", "type": {"type": "enum", "name": "Channel", "symbols": ["WEB", "SHOP"]}},
                    {"name": "since", "type": {"type": "int", "logicalType": "date"}},
                    {"name": "limit", "type": ["null", "long"]},
                    {"name": "home", "type": {"type": "record", "name": "Home",
                                              "fields": [{"name": "city", "type": "string"}]}},
                ],
            },
        },
        {"name": "score", "type": "double"},
    ],
}  # fmt: skip
AVRO_ROW = {
    "id": UUID(int=7),
    "at": AT,
    "version": "1.0.0",
    "features": {
        "amount": Decimal("12.50"), "channel": "WEB", "since": date(2020, 1, 2), "limit": 900, "home": {"city": "Ulm"},
    },
    "score": 0.25,
}  # fmt: skip
PATHS = {
    "prediction_id": "id", "predicted_at": "at", "model_version": "version", "features": "features",
    "prediction": "score",
}  # fmt: skip
JSON_ROW = {
    "id": "p-7",
    "at": AT_MS,
    "version": "1.0.0",
    "features": {"amount": 12.5, "home": {"city": "Ulm"}},
    "score": 0.25,
}


def js(content) -> bytes:
    return json.dumps(content).encode()


def avro(row=None, schema=None) -> bytes:
    """By fastavro."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema or AVRO_SCHEMA), row or AVRO_ROW)
    return out.getvalue()


def confluent(schema_id: int, body: bytes) -> bytes:
    return b"\0" + schema_id.to_bytes(4, "big") + body


def guid_header(tail: bytes = b"") -> tuple[tuple[str, bytes], ...]:
    return (("__value_schema_id", b"\x01" + GUID.bytes + tail),)


def apicurio_header(name: str, number: int) -> tuple[tuple[str, bytes], ...]:
    return ((f"apicurio.value.{name}", number.to_bytes(8, "big")), ("apicurio.value.encoding", b"BINARY"))


def proto_file() -> descriptor_pb2.FileDescriptorProto:
    """`scored.proto`: message Scored first, message Batch third with Scored nested in it."""
    file = descriptor_pb2.FileDescriptorProto(
        name="scored.proto", package="bank", syntax="proto3", dependency=["google/protobuf/timestamp.proto"]
    )
    kinds = descriptor_pb2.FieldDescriptorProto
    features = file.message_type.add(name="Features")
    for number, (name, kind) in enumerate({"amount": kinds.TYPE_DOUBLE, "logins": kinds.TYPE_INT64}.items(), 1):
        features.field.add(name=name, number=number, type=kind, label=kinds.LABEL_OPTIONAL)
    file.message_type.add(name="Unused")
    for message in (
        file.message_type.add(name="Scored"),
        file.message_type.add(name="Outer").nested_type.add(name="Scored"),
    ):
        message.field.add(name="id", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
        message.field.add(name="at", number=2, type=kinds.TYPE_MESSAGE, label=kinds.LABEL_OPTIONAL,
                          type_name=".google.protobuf.Timestamp")  # fmt: skip
        message.field.add(name="version", number=3, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
        message.field.add(name="features", number=4, type=kinds.TYPE_MESSAGE, label=kinds.LABEL_OPTIONAL,
                          type_name=".bank.Features")  # fmt: skip
        message.field.add(name="score", number=5, type=kinds.TYPE_FLOAT, label=kinds.LABEL_OPTIONAL)
    return file


def descriptor_set() -> str:
    """As `protoc --include_imports` writes it, in base64."""
    imported = descriptor_pb2.FileDescriptorProto.FromString(timestamp_pb2.DESCRIPTOR.serialized_pb)
    return base64.b64encode(
        descriptor_pb2.FileDescriptorSet(file=[imported, proto_file()]).SerializeToString()
    ).decode()


def protobuf() -> bytes:
    """By protobuf's own runtime."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(proto_file())
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName("bank.Scored"))()
    message.id, message.version, message.score = "p-7", "1.0.0", 0.25
    message.at.FromDatetime(AT)
    message.features.amount, message.features.logins = 12.5, 2**40
    return message.SerializeToString()


def connect(fields: dict[str, tuple[dict, object]]) -> dict:
    """As JsonConverter writes a struct: name → (schema of the field, value)."""
    schema = {
        "type": "struct",
        "fields": [{"field": name, **of} for name, (of, _) in fields.items()],
        "optional": False,
    }
    return {"schema": schema, "payload": {name: value for name, (_, value) in fields.items()}}


DECIMAL = {"type": "bytes", "name": "org.apache.kafka.connect.data.Decimal", "version": 1, "parameters": {"scale": "2"}}
TIMESTAMP = {"type": "int64", "name": "org.apache.kafka.connect.data.Timestamp", "version": 1}


def scored_by_connect(amount: object) -> dict:
    features = connect({"amount": (DECIMAL, amount), "ratio": ({"type": "double"}, "NaN")})
    return connect(
        {
            "id": ({"type": "string"}, "p-7"),
            "at": (TIMESTAMP, AT_MS),
            "version": ({"type": "string"}, "1.0.0"),
            "features": (features["schema"], features["payload"]),
            "score": ({"type": "double"}, 0.25),
        }
    )


def change(op: str, after: dict | None, before: dict | None = None, commit_ms: int = AT_MS) -> dict:
    """A change event of Debezium for PostgreSQL, as JsonConverter writes it without schemas."""
    source = {"version": "3.6.1.Final", "connector": "postgresql", "name": "db", "ts_ms": commit_ms, "lsn": 24023128}
    return {
        "before": before, "after": after, "source": source, "transaction": None, "op": op,
        "ts_ms": commit_ms + 812, "ts_us": (commit_ms + 812) * 1000, "ts_ns": (commit_ms + 812) * 1000000,
    }  # fmt: skip


def change_with_schema(op: str, row: dict) -> dict:
    """The same with schemas: the row's `fraud` is numeric(10,2)."""
    of = {"id": {"type": "string"}, "fraud": DECIMAL}
    struct = {"type": "struct", "optional": True, "fields": [{"field": name, **schema} for name, schema in of.items()]}
    source = {"type": "struct", "fields": [{"field": "ts_ms", "type": "int64"}]}
    fields = [{"field": "before", **struct}, {"field": "after", **struct}, {"field": "source", **source},
              {"field": "op", "type": "string"}]  # fmt: skip
    payload = change(op, row) | {"source": {"ts_ms": AT_MS}}
    return {"schema": {"type": "struct", "fields": fields}, "payload": payload}


def cloudevent(data: object, **attributes: object) -> dict:
    event = {"specversion": "1.0", "id": "e-7", "source": "/bank/scorer", "type": "bank.scored", "time": AT.isoformat()}
    return {**event, **attributes, "data": data}


def kserve_headers(part: str, event_id: str = "r-7", at: datetime = AT) -> tuple[tuple[str, bytes], ...]:
    """As KServe's logger sends them through a Kafka sink (binary mode)."""
    attributes = {
        "specversion": "1.0", "id": event_id, "type": f"org.kubeflow.serving.inference.{part}",
        "source": "http://localhost:9081/", "time": at.isoformat(), "inferenceservicename": "fraud",
        "namespace": "models", "endpoint": "default",
    }  # fmt: skip
    return (
        ("content-type", b"application/json"),
        *((f"ce_{name}", value.encode()) for name, value in attributes.items()),
    )


V1_REQUEST = {"instances": [[12.5, 3], [4.0, 1]]}
V1_RESPONSE = {"predictions": [1, 0]}
V2_REQUEST = {
    "id": "body-id",
    "inputs": [
        {"name": "amount", "shape": [2, 1], "datatype": "FP64", "data": [12.5, 4.0]},
        {"name": "hour", "shape": [2], "datatype": "INT64", "data": [3, 1]},
    ],
}
V2_RESPONSE = {
    "model_name": "fraud", "model_version": "v3", "id": "body-id",
    "outputs": [{"name": "predict", "shape": [2, 1], "datatype": "INT64", "data": [1, 0]}],
}  # fmt: skip


def seldon_protobuf(part: str) -> bytes:
    """By protobuf's own runtime, contents raw and little-endian as Triton and Seldon write them."""
    pool = descriptor_pool.DescriptorPool()
    pool.Add(open_inference_file())
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"inference.ModelInfer{part}"))()
    message.id, message.model_version = "body-id", "3"
    if part == "Request":
        message.inputs.add(name="amount", datatype="FP64", shape=[2, 1])
        message.inputs.add(name="hour", datatype="INT32", shape=[2])
        message.raw_input_contents.extend([struct.pack("<2d", 12.5, 4.0), struct.pack("<2i", 3, 1)])
    else:
        message.outputs.add(name="predict", datatype="INT64", shape=[2, 1]).contents.int64_contents.extend([1, 0])
    return message.SerializeToString()
