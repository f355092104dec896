"""The logs that are known by name, each a function from a record to halves of an exchange.

A record that is not as its producer documents it raises ValueError or KeyError: it is left out and counted.
"""

import base64
from collections import Counter
from collections.abc import Callable
from typing import Any

from driftloop.files.named.joining import Joined, moment_of
from driftloop.files.named.payloads import from_csv, from_json, predictions_of, rows_of
from driftloop.files.named.records import Record

Take = Callable[[Joined, str, Record], None]


def sagemaker(joined: Joined, where: str, record: Record) -> None:
    """Data capture of Amazon SageMaker, and its ground-truth files: the records tell themselves apart."""
    meta = record["eventMetadata"]
    key = str(meta.get("inferenceId") or meta["eventId"])
    if "groundTruthData" in record:
        truth = record["groundTruthData"]
        values = _captured(truth)
        flat = [row[0] if isinstance(row, list) and len(row) == 1 else row for row in values]
        joined.label(key, flat, moment_of(meta.get("inferenceTime"), joined))
        return
    captured = record["captureData"]
    asked, answered = (captured.get(part) for part in ("endpointInput", "endpointOutput"))
    if asked is None and answered is None:
        raise ValueError("captureData has neither endpointInput nor endpointOutput")
    if asked is not None:
        joined.request(key, rows_of(_captured(asked)), where)
    if answered is not None:
        joined.response(key, predictions_of(_captured(answered)), where)
    joined.told(key, moment_of(meta.get("inferenceTime"), joined), None)


def _captured(part: Any) -> Any:
    """The data of a captured part: as CSV, JSON, or either of them in base64."""
    data, encoding = part["data"], str(part.get("encoding", "CSV")).upper()
    if encoding == "BASE64":
        data = base64.b64decode(data, validate=True).decode("utf-8")
        encoding = "JSON" if "json" in str(part.get("observedContentType", "")) or data[:1] in "[{" else "CSV"
    if encoding == "JSON":
        return from_json(data)
    rows = from_csv(str(data))
    if not rows:
        raise ValueError("the captured data is empty")
    return rows


def azureml(joined: Joined, where: str, record: Record) -> None:
    """The data collector of Azure Machine Learning: CloudEvents, inputs and outputs by their correlation id."""
    kind, key = str(record["type"]).rpartition(".")[2], str(record["correlationid"])
    if "data" not in record:
        raise ValueError("its data lies elsewhere (dataref)")
    if kind in ("inputs", "model_inputs", "request"):
        joined.request(key, rows_of(from_json(record["data"])), where)
    elif kind in ("outputs", "model_outputs", "response"):
        joined.response(key, predictions_of(from_json(record["data"])), where)
    else:
        raise ValueError(f"a collection {kind} that is neither inputs nor outputs")
    version = record.get("modelversion")
    joined.told(key, moment_of(record.get("time"), joined), None if version is None else str(version))


def databricks(joined: Joined, where: str, record: Record) -> None:
    """An inference table of Databricks: a row an exchange; those that failed have no prediction."""
    key = str(record.get("client_request_id") or record["databricks_request_id"])
    joined.request(key, rows_of(from_json(record["request"])), where)
    meta = record.get("request_metadata") or {}
    meta = dict(meta) if not isinstance(meta, str) else from_json(meta)
    version = meta.get("model_version") or record.get("served_entity_id")
    at = record.get("timestamp_ms", record.get("request_time", record.get("timestamp")))
    joined.told(key, moment_of(at, joined), None if version is None else str(version))
    if str(record.get("status_code", 200)) == "200" and record.get("response") is not None:
        joined.response(key, predictions_of(from_json(record["response"])), where)


def vertex(joined: Joined, where: str, record: Record) -> None:
    """The request-response log of Vertex AI in BigQuery, exported: each payload is a list of texts, one an instance."""
    key = str(record["request_id"])
    asked, answered = (record.get(name) or [] for name in ("request_payload", "response_payload"))
    joined.request(key, [row for text in _texts(asked) for row in rows_of(from_json(text))], where)
    joined.told(key, moment_of(record.get("logging_time"), joined), _deployed(record))
    if answered:
        joined.response(key, [one for text in _texts(answered) for one in predictions_of(from_json(text))], where)


def _texts(payload: Any) -> list[Any]:
    return [payload] if isinstance(payload, str) else list(payload)


def _deployed(record: Record) -> str | None:
    found = record.get("deployed_model_id")
    return None if found is None else str(found)


def bentoml(joined: Joined, where: str, record: Record) -> None:
    """BentoML's monitoring log: an object a prediction. The schema beside it tells which column is which."""
    if "columns" in record and "meta_data" in record:
        roles = {str(one["name"]): str(one["role"]) for one in record["columns"]}
        version = record["meta_data"].get("bento_version")
        joined.roles |= roles
        joined.version = None if version is None else str(version)
        return
    key, at = str(record["request_id"]), moment_of(record["timestamp"], joined)
    own = {name: value for name, value in record.items() if name not in ("request_id", "timestamp", "trace_id")}
    joined.logged.append((key, own, at, where))


def _end_bentoml(joined: Joined) -> None:
    """When all is read: the schema may come after the rows that it is of. A request may log several rows."""
    said = [name for name, role in joined.roles.items() if role == "prediction"]
    truth = [name for name, role in joined.roles.items() if role == "target"]
    if joined.logged and not said:
        raise ValueError("no schema beside the log tells which column is the prediction: read the folder of both")
    times = Counter(key for key, *_ in joined.logged)
    seen = Counter[str]()
    for request, own, at, where in joined.logged:
        key = f"{request}_{seen[request]}" if times[request] > 1 else request
        seen[request] += 1
        features = {name: value for name, value in own.items() if name not in (*said, *truth)}
        if said[0] not in own:
            joined.fault(f"a record without {said[0]}", where)
            continue
        joined.request(key, [features], where)
        joined.response(key, [{"prediction": own[said[0]]}], where)
        joined.told(key, at, joined.version)
        if truth and own.get(truth[0]) is not None:
            joined.label(key, [own[truth[0]]])


FORMATS: dict[str, Take] = {
    "sagemaker": sagemaker,
    "azureml": azureml,
    "databricks": databricks,
    "vertex": vertex,
    "bentoml": bentoml,
}
ENDS: dict[str, Callable[[Joined], None]] = {"bentoml": _end_bentoml}
