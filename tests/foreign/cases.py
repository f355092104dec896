"""Every format and framing that is read: a good record and what it becomes, a damaged one and its reason, and half."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from tests.foreign.bytes_of import (
    AT_MS,
    AVRO_ROW,
    AVRO_SCHEMA,
    GUID,
    JSON_ROW,
    PATHS,
    V1_REQUEST,
    V1_RESPONSE,
    V2_REQUEST,
    V2_RESPONSE,
    apicurio_header,
    avro,
    change,
    change_with_schema,
    cloudevent,
    confluent,
    descriptor_set,
    guid_header,
    js,
    kserve_headers,
    proto_file,
    protobuf,
    scored_by_connect,
    seldon_protobuf,
)

from driftloop.testing.records import FakeRecord
from outcome_ingestion.core.translate.framing import SchemaReference
from outcome_ingestion.core.translate.schemas import RegisteredSchema

TOPIC = "theirs"
AVRO = RegisteredSchema("avro", json.dumps(AVRO_SCHEMA))
PROTO = RegisteredSchema("protobuf", base64.b64encode(proto_file().SerializeToString()).decode())
JSON_SCHEMA = RegisteredSchema("json", '{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}')
CHANGE_SCHEMA = {
    "type": "record",
    "name": "Envelope",
    "fields": [
        {
            "name": "after",
            "type": [
                "null",
                {
                    "type": "record",
                    "name": "Value",
                    "fields": [{"name": "id", "type": "string"}, {"name": "fraud", "type": ["null", "boolean"]}],
                },
            ],
        },
        {"name": "source", "type": {"type": "record", "name": "Source", "fields": [{"name": "ts_ms", "type": "long"}]}},
        {"name": "op", "type": "string"},
    ],
}
REGISTRY = {
    SchemaReference("schema", "7"): AVRO,
    SchemaReference("schema", "8"): JSON_SCHEMA,
    SchemaReference("schema", "9"): PROTO,
    SchemaReference("schema", "10"): RegisteredSchema("avro", json.dumps(CHANGE_SCHEMA)),
    SchemaReference("guid", str(GUID)): AVRO,
    SchemaReference("global", "7"): AVRO,
    SchemaReference("content", "7"): AVRO,
}
PROTO_BY_GUID = {SchemaReference("guid", str(GUID)): PROTO}
FLAT_AVRO = {"amount": 12.5, "channel": "WEB", "since": "2020-01-02", "limit": 900.0, "home.city": "Ulm"}
FLAT_JSON = {"amount": 12.5, "home.city": "Ulm"}
LABELS = {"gives": "labels", "envelope": "debezium", "paths": {"prediction_id": "after.id", "label": "after.fraud"}}


@dataclass(frozen=True)
class Case:
    """One row of the table. `good` becomes `becomes` (fields of each message); `damaged` and `half` have a reason."""

    name: str
    framing: str
    made_by: str
    source: dict[str, Any]
    good: list[FakeRecord]
    becomes: list[dict[str, Any]]
    damaged: FakeRecord
    reason: str
    half: FakeRecord | None = None
    half_reason: str = ""
    registry: dict[SchemaReference, RegisteredSchema] | None = field(default_factory=lambda: REGISTRY)


def rec(value, headers=(), key=None, offset=5) -> FakeRecord:
    data = value if isinstance(value, bytes | str) or value is None else js(value)
    return FakeRecord(TOPIC, key=key, value=data, headers=tuple(headers), at_offset=offset, at_ms=AT_MS)


def mapped(
    name,
    framing,
    made_by,
    good,
    damaged,
    reason,
    *,
    becomes=None,
    source=None,
    registry=REGISTRY,
    headers=(),
    damaged_headers=None,
):
    told = becomes or {"prediction_id": "p-7", "features": FLAT_JSON, "prediction": 0.25, "model_version": "1.0.0"}
    of_damaged = headers if damaged_headers is None else damaged_headers
    return Case(
        name,
        framing,
        made_by,
        {"paths": PATHS, **(source or {})},
        [rec(good, headers)],
        [told],
        rec(damaged, of_damaged),
        reason,
        registry=registry,
    )


IN_AVRO = {
    "prediction_id": str(AVRO_ROW["id"]),
    "features": FLAT_AVRO,
    "prediction": 0.25,
    "predicted_at": "2026-03-02T08:15:00Z",
}
IN_PROTO = {
    "prediction_id": "p-7",
    "features": {"amount": 12.5, "logins": float(2**40)},
    "prediction": 0.25,
    "predicted_at": "2026-03-02T08:15:00Z",
}
PAIR = [
    {"features": {"amount": 12.5, "hour": 3.0}, "prediction": 1},
    {"features": {"amount": 4.0, "hour": 1.0}, "prediction": 0},
]
NAMED = {"feature_names": ["amount", "hour"], "version": "1.0.0"}
TRUE_LABEL = {"prediction_id": "p-7", "label": True, "labelled_at": "2026-03-02T08:15:00Z"}


def on(topic: str, record: FakeRecord) -> FakeRecord:
    return FakeRecord(topic, key=record.key_, value=record.value_, headers=record.headers_, at_offset=record.at_offset)


def ids(stem, rows=PAIR, **more):
    return [{**row, **more, "prediction_id": f"{stem}-{n}"} for n, row in enumerate(rows)]


def exchange(name, framing, made_by, source, request, response, damaged, reason, becomes):
    return Case(
        name,
        framing,
        made_by,
        {**NAMED, **source},
        [request, response],
        becomes,
        damaged,
        reason,
        half=response,
        half_reason="ResponseWithoutRequest",
    )


PLAIN = (
    mapped("JSON by paths", "none", "json", JSON_ROW, b'{"id": "p-7", "at"', "the value is no JSON"),
    mapped(
        "JSON by paths, with versions in the shadow",
        "none",
        "json",
        {**JSON_ROW, "beside": {"v2": 0.5, "v3": None}},
        {**JSON_ROW, "beside": [0.5]},
        "the path 'beside' (shadow) gives no object of version and prediction",
        source={"paths": {**PATHS, "shadow": "beside"}, "versions": {"v2": "2.0.0"}},
        becomes={"prediction": 0.25, "shadow": {"2.0.0": 0.5}},
    ),
    mapped(
        "JSON with NaN",
        "none",
        "json",
        {**JSON_ROW, "features": {"amount": float("nan")}},
        {**JSON_ROW, "features": {"amount": float("inf")}},
        "(features).amount is infinite",
        becomes={"features": {"amount": None}},
    ),
    mapped(
        "JSON with a byte order mark",
        "none",
        "json",
        b"\xef\xbb\xbf" + js(JSON_ROW),
        b"\xef\xbb\xbf",
        "the value is empty",
    ),
    Case(
        "JSON with several rows",
        "none",
        "json",
        {
            "paths": {"rows": "items", "prediction_id": "batch", "features": "row.x", "prediction": "row.y"},
            "version": "1.0.0",
        },
        [rec({"batch": "b-7", "items": [{"x": {"a": 1}, "y": 1}, {"x": {"a": 2}, "y": 0}]})],
        [{"prediction_id": "b-7-0", "prediction": 1}, {"prediction_id": "b-7-1", "prediction": 0}],
        rec({"batch": "b-7", "items": {"x": 1}}),
        "the path 'items' (rows): it gives no list",
    ),
    Case(
        "JSON, ids by position",
        "none",
        "json",
        {"paths": {"features": "features", "prediction": "score"}, "ids": "position", "version": "v-a"},
        [rec(JSON_ROW)],
        [{"prediction_id": "theirs-0-5", "model_version": "v-a"}],
        rec({"features": [1], "score": 1}),
        "the path 'features' (features) is a list",
    ),
    Case(
        "JSON labels by paths",
        "none",
        "json",
        {"gives": "labels", "paths": {"prediction_id": "id", "label": "truth", "labelled_at": "at"}},
        [rec({"id": 7, "truth": "yes", "at": AT_MS})],
        [{"prediction_id": "7", "label": "yes"}],
        rec({"id": 7, "thruth": "yes", "at": AT_MS}),
        "the path 'truth' (label): it gives nothing; the record has id, thruth, at",
    ),
    mapped(
        "JSON Schema",
        "Confluent prefix",
        "documented form",
        confluent(8, js(JSON_ROW)),
        confluent(99, js(JSON_ROW)),
        "the schema registry has nothing for the schema id 99",
    ),
    mapped(
        "Avro",
        "Confluent prefix",
        "fastavro",
        confluent(7, avro()),
        confluent(7, avro()[:-3]),
        "the Avro datum is damaged",
        becomes=IN_AVRO,
    ),
    mapped(
        "Avro",
        "Confluent header",
        "fastavro",
        avro(),
        avro() + b"x",
        "1 bytes follow the Avro datum",
        becomes=IN_AVRO,
        headers=guid_header(),
    ),
    mapped(
        "Avro",
        "Apicurio 2 header, global id",
        "fastavro",
        avro(),
        avro(),
        "has 3 bytes, not 8",
        becomes=IN_AVRO,
        headers=apicurio_header("globalId", 7),
        damaged_headers=(("apicurio.value.globalId", b"abc"),),
    ),
    mapped(
        "Avro",
        "Apicurio 2 header, content id",
        "fastavro",
        avro(),
        b"",
        "the Avro datum is damaged",
        becomes=IN_AVRO,
        headers=apicurio_header("contentId", 7),
    ),
    mapped(
        "Avro",
        "Apicurio 2 prefix, eight bytes",
        "fastavro",
        b"\0" + (7).to_bytes(8, "big") + avro(),
        b"\0" + (77).to_bytes(8, "big") + avro(),
        "nothing for the global id 77",
        becomes=IN_AVRO,
    ),
    mapped(
        "Avro",
        "Apicurio 3 prefix, content id",
        "fastavro",
        confluent(7, avro()),
        b"\0\0",
        "has only 2 bytes",
        becomes=IN_AVRO,
        source={"registry_ids": "content"},
    ),
    mapped(
        "Avro",
        "none, `avro_schema` in the source",
        "fastavro",
        avro(),
        avro()[:5],
        "the Avro datum is damaged",
        becomes=IN_AVRO,
        source={"encoding": "avro", "avro_schema": AVRO_SCHEMA, "framing": "none"},
    ),
    mapped(
        "Avro",
        "Confluent prefix, no registry set",
        "fastavro",
        JSON_ROW,
        confluent(7, avro()),
        "set DRIFTLOOP_OUTCOME_INGESTION_SCHEMA_REGISTRY_URL",
        registry=None,
    ),
    mapped(
        "Avro",
        "Glue",
        "documented form",
        JSON_ROW,
        b"\x03\x00" + GUID.bytes + avro(),
        f"AWS Glue's framing (schema version {GUID})",
    ),
    mapped(
        "Protobuf, third message",
        "Confluent prefix, indexes",
        "protobuf",
        confluent(9, b"\x02\x04" + protobuf()),
        confluent(9, b"\x02"),
        "ends within the message indexes",
        becomes=IN_PROTO,
    ),
    mapped(
        "Protobuf, nested message",
        "Confluent prefix, indexes",
        "protobuf",
        confluent(9, b"\x04\x06\x00" + protobuf()),
        confluent(9, b"\x04\x06\x08" + protobuf()),
        "no message at the indexes [3, 4]",
        becomes=IN_PROTO,
    ),
    mapped(
        "Protobuf",
        "Confluent header, indexes",
        "protobuf",
        protobuf(),
        protobuf()[:-1],
        "the value is no bank.Scored",
        becomes=IN_PROTO,
        headers=guid_header(b"\x02\x04"),
        registry=PROTO_BY_GUID,
    ),
    mapped(
        "Protobuf",
        "none, `descriptor` in the source",
        "protobuf",
        protobuf(),
        b"\xff\xff",
        "the value is no bank.Scored",
        becomes=IN_PROTO,
        source={"encoding": "protobuf", "framing": "none", "descriptor": descriptor_set(), "message": "bank.Scored"},
    ),
)

_IN_EVENT = {name: f"data.{path}" for name, path in PATHS.items()}
ENVELOPES = (
    mapped(
        "CloudEvents, structured",
        "none",
        "documented form",
        cloudevent(JSON_ROW),
        {k: v for k, v in cloudevent(JSON_ROW).items() if k != "specversion"},
        "the record is no CloudEvent",
        source={"envelope": "cloudevents", "paths": _IN_EVENT},
    ),
    mapped(
        "CloudEvents, binary",
        "none",
        "documented form",
        JSON_ROW,
        {"id": 1},
        "(features): it gives nothing",
        source={"envelope": "cloudevents", "paths": _IN_EVENT},
        headers=(("ce_specversion", b"1.0"), ("ce_id", b"e-7"), ("ce_type", b"t"), ("ce_source", b"/s")),
    ),
    mapped(
        "CloudEvents, `data_base64`",
        "none",
        "documented form",
        {**cloudevent(None), "data_base64": base64.b64encode(js(JSON_ROW)).decode()},
        {**cloudevent(None), "data_base64": "!"},
        "'data_base64' holds no JSON in base64",
        source={"envelope": "cloudevents", "paths": _IN_EVENT},
    ),
    mapped(
        "Connect, Decimal and Timestamp",
        "none",
        "bytes of Connect 4.3",
        scored_by_connect("BOI="),
        scored_by_connect("%"),
        "payload.features.amount is not what its schema says",
        source={"envelope": "connect"},
        becomes={"features": {"amount": 12.5, "ratio": None}, "prediction": 0.25},
    ),
    mapped(
        "Connect, `decimal.format=NUMERIC`",
        "none",
        "bytes of Connect 4.3",
        scored_by_connect(12.5),
        JSON_ROW,
        "the record is no object of `schema` and `payload`",
        source={"envelope": "connect"},
        becomes={"features": {"amount": 12.5, "ratio": None}},
    ),
    Case(
        "Debezium labels, with schemas",
        "none",
        "bytes of Debezium 3.6",
        LABELS,
        [rec(change_with_schema("c", {"id": "p-7", "fraud": "GQ=="}))],
        [{"prediction_id": "p-7", "label": 0.25, "labelled_at": "2026-03-02T08:15:00Z"}],
        rec(change_with_schema("c", {"id": "p-7", "fraud": {}})),
        "payload.after.fraud is not what its schema says",
    ),
    Case(
        "Debezium labels, insert and update",
        "none",
        "bytes of Debezium 3.6",
        LABELS,
        [
            rec(change("c", {"id": "p-7", "fraud": False})),
            rec(change("u", {"id": "p-7", "fraud": True}, None, AT_MS + 1000), offset=6),
        ],
        [{"prediction_id": "p-7", "label": False}, {"label": True, "labelled_at": "2026-03-02T08:15:01Z"}],
        rec(change("u", {"id": "p-7", "fraud": "__debezium_unavailable_value"})),
        "unchanged value that Debezium leaves out",
    ),
    Case(
        "Debezium labels, delete, tombstone, not yet labelled",
        "none",
        "bytes of Debezium 3.6",
        LABELS,
        [
            rec(change("d", None, {"id": "p-7", "fraud": False})),
            rec(None, offset=6),
            rec(change("c", {"id": "p-7", "fraud": None}), offset=7),
        ],
        [],
        rec(change("c", {"id": "p-7"})),
        "the path 'after.fraud' (label): it gives nothing",
    ),
    Case(
        "Debezium labels, unwrapped, `__deleted`",
        "none",
        "bytes of Debezium 3.6",
        LABELS,
        [
            rec({"id": "p-7", "fraud": True, "__deleted": "false", "__source_ts_ms": AT_MS}),
            rec({"id": "p-7", "fraud": False, "__deleted": "true", "__source_ts_ms": AT_MS}, offset=6),
            rec("null", offset=7),
        ],
        [TRUE_LABEL],
        rec({"id": "p-7", "fraud": True, "__deleted": "false"}),
        "add.fields=source.ts_ms",
    ),
    Case(
        "Debezium labels in Avro",
        "Confluent prefix",
        "fastavro",
        LABELS,
        [
            rec(
                confluent(
                    10,
                    avro({"after": {"id": "p-7", "fraud": True}, "source": {"ts_ms": AT_MS}, "op": "c"}, CHANGE_SCHEMA),
                )
            )
        ],
        [TRUE_LABEL],
        rec(confluent(10, b"\x02")),
        "the Avro datum is damaged",
    ),
)

KSERVE = {"server": "kserve"}
SERVERS = (
    exchange(
        "KServe logger, V1",
        "none",
        "documented form",
        KSERVE,
        rec(V1_REQUEST, kserve_headers("request")),
        rec(V1_RESPONSE, kserve_headers("response"), offset=6),
        rec({"instances": [[1]]}, kserve_headers("request")),
        "instances[0] has 1 values without names",
        ids("r-7"),
    ),
    exchange(
        "KServe logger, V1, response first",
        "none",
        "documented form",
        KSERVE,
        rec(V1_RESPONSE, kserve_headers("response")),
        rec(V1_REQUEST, kserve_headers("request"), offset=6),
        rec({"predictions": 1}, kserve_headers("response")),
        "predictions is no list",
        ids("r-7"),
    ),
    exchange(
        "KServe logger, Open Inference Protocol",
        "none",
        "documented form",
        {**KSERVE, "versions": {"v3": "3.0.0"}},
        rec(V2_REQUEST, kserve_headers("request")),
        rec(V2_RESPONSE, kserve_headers("response"), offset=6),
        rec({"inputs": [{"name": "x", "shape": [3], "data": [1]}]}, kserve_headers("request")),
        "inputs[0].shape is [3], and inputs[0].data has 1 values",
        ids("r-7", model_version="3.0.0"),
    ),
    exchange(
        "KServe logger, V1, with versions in the shadow",
        "none",
        "documented form",
        {**KSERVE, "paths": {"shadow": "data.shadow"}, "versions": {"v4": "4.0.0"}},
        rec(V1_REQUEST, kserve_headers("request")),
        rec({**V1_RESPONSE, "shadow": {"v4": [1, None], "v5": [0, 1]}}, kserve_headers("response"), offset=6),
        rec({**V1_RESPONSE, "shadow": {"v4": [1, 0, 1]}}, kserve_headers("response")),
        "version 4.0.0 in the shadow has 3 predictions, the answer 2",
        ids("r-7", [{**PAIR[0], "shadow": {"4.0.0": 1, "v5": 0}}, {**PAIR[1], "shadow": {"v5": 1}}]),
    ),
    exchange(
        "KServe logger, Open Inference Protocol, with versions in the shadow",
        "none",
        "documented form",
        {**KSERVE, "shadow_outputs": "shadow.", "versions": {"v4": "4.0.0"}},
        rec(V2_REQUEST, kserve_headers("request")),
        rec(
            {
                **V2_RESPONSE,
                "outputs": [
                    {"name": "shadow.v4", "shape": [2], "datatype": "INT64", "data": [0, 1]},
                    *V2_RESPONSE["outputs"],
                ],
            },
            kserve_headers("response"),
            offset=6,
        ),
        rec(
            {
                **V2_RESPONSE,
                "outputs": [
                    *V2_RESPONSE["outputs"],
                    {"name": "shadow.v4", "shape": [2], "datatype": "INT64", "data": [0]},
                ],
            },
            kserve_headers("response"),
        ),
        "outputs 'shadow.v4'.shape is [2]",
        ids(
            "r-7",
            [{**row, "shadow": {"4.0.0": said}} for row, said in zip(PAIR, (0, 1), strict=True)],
            model_version="v3",
        ),
    ),
    exchange(
        "KServe logger, structured",
        "none",
        "documented form",
        KSERVE,
        rec(cloudevent(V1_REQUEST, type="org.kubeflow.serving.inference.request", id="r-8")),
        rec(cloudevent(V1_RESPONSE, type="org.kubeflow.serving.inference.response", id="r-8"), offset=6),
        rec(cloudevent(V1_REQUEST)),
        "the event's type is 'bank.scored'",
        ids("r-8"),
    ),
    exchange(
        "KServe logger, probabilities",
        "none",
        "documented form",
        {**KSERVE, "classes": ["no", "yes"]},
        rec({"instances": [{"amount": 1}]}, kserve_headers("request")),
        rec({"predictions": [[0.25, 0.75]]}, kserve_headers("response"), offset=6),
        rec({"predictions": [[0.1, 0.2, 0.7]]}, kserve_headers("response")),
        "predictions[0] has 3 values",
        [{"prediction_id": "r-7", "prediction": "yes", "confidence": 0.75, "features": {"amount": 1.0}}],
    ),
    exchange(
        "Seldon Core 2, JSON",
        "none",
        "documented form",
        {"server": "seldon"},
        rec(V2_REQUEST, key="0.fraud.cq7"),
        rec(V2_RESPONSE, key="0.fraud.cq7", offset=6),
        rec({"parameters": {}}, key="0.fraud.cq7"),
        "the body is no request",
        ids("cq7", model_version="v3"),
    ),
    exchange(
        "Seldon Core 2, protobuf, raw contents",
        "none",
        "protobuf",
        {"server": "seldon"},
        on("seldon.model.fraud.inputs", rec(seldon_protobuf("Request"), key="0.fraud.cq8")),
        on("seldon.model.fraud.outputs", rec(seldon_protobuf("Response"), key="0.fraud.cq8", offset=6)),
        on("seldon.model.fraud.inputs", rec(seldon_protobuf("Request")[:-4], key="0.fraud.cq8")),
        "the value is no inference.ModelInferRequest",
        ids("cq8", model_version="3"),
    ),
    exchange(
        "MLServer, JSON",
        "none",
        "documented form",
        {"server": "mlserver"},
        rec(V2_REQUEST, (("mlserver-model", b"fraud"),), key="k-7"),
        rec(V2_RESPONSE, key="k-7", offset=6),
        rec({"outputs": []}, key="k-7"),
        "the response has no output 'None'",
        ids("k-7"),
    ),
    Case(
        "Open Inference Protocol, both in a record",
        "none",
        "documented form",
        {**NAMED, "server": "open-inference", "paths": {"request": "req", "response": "res", "predicted_at": "at"}},
        [rec({"req": V2_REQUEST, "res": V2_RESPONSE, "at": AT_MS})],
        ids("body-id", predicted_at="2026-03-02T08:15:00Z"),
        rec({"req": V2_REQUEST, "res": {"outputs": [{"name": "y", "shape": [1], "data": [1]}]}, "at": AT_MS}),
        "the request has 2 rows, its response 1",
        rec({"req": V2_REQUEST, "at": AT_MS}),
        "the response is no object",
    ),
    Case(
        "MLflow, both in a record",
        "none",
        "documented form",
        {
            "version": "1",
            "server": "open-inference",
            "paths": {"request": "req", "response": "res", "prediction_id": "id"},
        },
        [
            rec(
                {
                    "id": "m-7",
                    "req": {"dataframe_split": {"columns": ["amount", "hour"], "data": [[12.5, 3], [4.0, 1]]}},
                    "res": {"predictions": [1, 0]},
                }
            )
        ],
        ids("m-7"),
        rec(
            {
                "id": "m-7",
                "req": {"dataframe_split": {"columns": ["amount"], "data": [[1, 2]]}},
                "res": {"predictions": [1]},
            }
        ),
        "dataframe_split.data[0] has 2 values",
        rec({"id": "m-7", "res": {"predictions": [1]}}),
        "the request is no object",
    ),
)
CASES = PLAIN + ENVELOPES + SERVERS
