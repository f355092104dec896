"""Logs of model servers: a good log of each kind, a damaged record and a half of it, and what becomes of them."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.generated import between

Files = Mapping[str, str]


@dataclass(frozen=True)
class Log:
    """`files` holds two predictions, the second wrong, by path. `damaged` and `half` are lines that come with them."""

    name: str
    form: str
    made_by: str
    files: Files
    damaged: tuple[str, str]
    """A line, and what the notes say of it."""
    half: tuple[str, str] | None
    into: str
    """The file that these lines are added to."""
    labels: Files = field(default_factory=dict)

    def write(self, folder: Path, *lines: str) -> Path:
        """Write the log, with some lines more."""
        for name, text in self.files.items():
            path = folder / "log" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + ("".join(line + "\n" for line in lines) if name == self.into else ""))
        for name, text in self.labels.items():
            path = folder / "labels" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return folder / "log"


def lines(*records: Any) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def captured(key: str, asked: Any, answered: Any, encoding: str = "CSV", **meta: Any) -> dict[str, Any]:
    kind = "application/json" if encoding == "JSON" else "text/csv"
    parts = {}
    if asked is not None:
        parts["endpointInput"] = {
            "observedContentType": kind, "mode": "INPUT", "data": asked, "encoding": encoding,
        }  # fmt: skip
    if answered is not None:
        parts["endpointOutput"] = {
            "observedContentType": kind, "mode": "OUTPUT", "data": answered, "encoding": encoding,
        }  # fmt: skip
    return {
        "captureData": parts,
        "eventMetadata": {"eventId": key, "inferenceTime": "2026-06-01T08:00:00Z", **meta},
        "eventVersion": "0",
    }


def truth(key: str, value: str) -> dict[str, Any]:
    return {
        "groundTruthData": {"data": value, "encoding": "CSV"},
        "eventMetadata": {"eventId": key},
        "eventVersion": "0",
    }


def azure(kind: str, data: Any, key: str = "c-1") -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": f"725aa8af-{kind}-{key}", "source": "/subscriptions/s/onlineEndpoints/e",
        "type": f"azureml.inference.{kind}", "datacontenttype": "application/json", "time": "2026-06-01T08:51:30Z",
        "data": data, "correlationid": key, "xrequestid": key, "modelversion": "3",
        "collectdatatype": "pandas.core.frame.DataFrame", "agent": "monitoring-sdk/0.1.2",
        "contentrange": "bytes 0-116/117",
    }  # fmt: skip


def brick(key: str, request: Any, response: Any, status: Any = 200) -> dict[str, Any]:
    return {
        "client_request_id": None, "databricks_request_id": key, "date": "2026-06-01", "timestamp_ms": 1780300800000,
        "status_code": status, "sampling_fraction": 1.0, "execution_time_ms": 12, "request": json.dumps(request),
        "response": None if response is None else json.dumps(response),
        "request_metadata": {"model_name": "churn", "model_version": "4", "endpoint_name": "churn"},
    }  # fmt: skip


def vertex(key: str, instances: list[Any], predictions: list[Any]) -> dict[str, Any]:
    return {
        "endpoint": "projects/p/endpoints/1", "deployed_model_id": "77", "logging_time": "2026-06-01 08:00:00 UTC",
        "request_id": key, "request_payload": [json.dumps(one) for one in instances],
        "response_payload": [json.dumps(one) for one in predictions],
    }  # fmt: skip


BENTO_SCHEMA = {
    "meta_data": {"bento_name": "iris", "bento_version": "k7xq"},
    "columns": [
        {"name": "a", "role": "feature", "type": "numerical"},
        {"name": "b", "role": "feature", "type": "categorical"},
        {"name": "pred", "role": "prediction", "type": "categorical"},
    ],
}


def bento(key: str, said: Any) -> dict[str, Any]:
    """As bentoml 1.4.40 writes it: times without a zone, its own keys last."""
    own = {"timestamp": "2026-06-01T08:00:00.919811", "request_id": key, "trace_id": "0"}
    return {"a": 1.5, "b": "x", "pred": said, **own}


TWO_LABELS = lines({"id": "r1", "label": "yes"}, {"id": "r2", "label": "no"})
ROW_LABELS = lines({"id": "c-1_0", "label": "yes"}, {"id": "c-1_1", "label": "no"})
LOGS = (
    Log(
        "SageMaker data capture, CSV, with ground-truth files", "sagemaker", "documented form",
        {
            "capture/2026/06/01/08/one.jsonl": lines(captured("r1", "1.5,x", "yes"), captured("r2", "2.5,y", "yes")),
            "truth/2026/06/01/09/one.jsonl": lines(truth("r1", "yes"), truth("r2", "no")),
        },
        (json.dumps({**captured("r9", "1,x", "yes"), "eventMetadata": {}}), "a record without eventId"),
        (json.dumps(captured("r8", "1,x", None)), "a request without a response"), "capture/2026/06/01/08/one.jsonl",
    ),
    Log(
        "SageMaker data capture, JSON, with inference ids", "sagemaker", "documented form",
        {
            "one.jsonl": lines(
                captured("e1", json.dumps({"instances": [{"a": 1.5, "b": "x"}]}),
                         json.dumps({"predictions": [{"predicted_label": "yes", "score": 0.8}]}), "JSON",
                         inferenceId="r1"),
                captured("e2", json.dumps({"instances": [{"a": 2.5, "b": "y"}]}),
                         json.dumps({"predictions": [{"predicted_label": "yes", "score": 0.6}]}), "JSON",
                         inferenceId="r2"),
                truth("r1", "yes"), truth("r2", "no"),
            ),
        },
        (json.dumps(captured("r9", "{", "yes", "JSON")), "a damaged record"),
        (json.dumps(captured("r8", None, "yes")), "a response without its request"), "one.jsonl",
    ),
    Log(
        "Azure ML data collector, model_inputs and model_outputs", "azureml", "documented form",
        {
            "model_outputs/2026/06/01/08/i.jsonl": lines(azure("model_outputs", [{"label": "yes"}, {"label": "yes"}])),
            "model_inputs/2026/06/01/08/i.jsonl": lines(
                azure("model_inputs", [{"a": 1.5, "label": "x"}, {"a": 2.5, "label": "y"}])
            ),
        },
        (
            json.dumps({k: v for k, v in azure("model_inputs", [], "c-9").items() if k != "data"}),
            "its data lies elsewhere",
        ),
        (json.dumps(azure("model_inputs", [{"a": 1.0}], "c-8")), "a request without a response"),
        "model_inputs/2026/06/01/08/i.jsonl", {"l.jsonl": ROW_LABELS},
    ),
    Log(
        "Azure ML collector, request and response", "azureml", "documented form",
        {
            "i.jsonl": lines(
                azure("request", {"data": [[1.5, "x"], [2.5, "y"]]}), azure("response", {"data": ["yes", "yes"]})
            ),
        },
        ("{", "a line that is no JSON"),
        (json.dumps(azure("response", ["yes"], "c-8")), "a response without its request"),
        "i.jsonl", {"l.jsonl": ROW_LABELS},
    ),
    Log(
        "Databricks inference table, dataframe_split", "databricks", "documented form",
        {
            "part.jsonl": lines(
                brick(
                    "r1", {"dataframe_split": {"columns": ["a", "b"], "data": [[1.5, "x"]]}}, {"predictions": ["yes"]}
                ),
                brick("r2", {"dataframe_records": [{"a": 2.5, "b": "y"}]}, {"predictions": ["yes"]}),
            ),
        },
        (json.dumps(brick("r9", [], None) | {"request": "{"}), "a damaged record"),
        (json.dumps(brick("r8", {"inputs": [[1.0, "x"]]}, None, "400")), "a request without a response"),
        "part.jsonl", {"l.jsonl": TWO_LABELS},
    ),
    Log(
        "Vertex AI request-response log, exported from BigQuery", "vertex", "documented form",
        {
            "part.jsonl": lines(
                vertex("r1", [{"a": 1.5, "b": "x"}], ["yes"]), vertex("r2", [{"a": 2.5, "b": "y"}], ["yes"])
            ),
        },
        (json.dumps(vertex("r9", [{"a": 1.0}], ["yes", "no"])), "more or fewer predictions"),
        (json.dumps(vertex("r8", [{"a": 1.0}], [])), "a request without a response"),
        "part.jsonl", {"l.jsonl": TWO_LABELS},
    ),
    Log(
        "BentoML monitoring log with its schema", "bentoml", "bentoml 1.4.40's monitor, recorded",
        {
            "iris/data/data.0.log": lines(bento("r1", "yes"), bento("r2", "yes")),
            "iris/schema/schema.0.log": lines(BENTO_SCHEMA),
        },
        (json.dumps({"a": 1.0, "pred": "yes"}), "a record without request_id"),
        (json.dumps({k: v for k, v in bento("r8", "").items() if k != "pred"}), "a record without pred"),
        "iris/data/data.0.log", {"l.jsonl": TWO_LABELS},
    ),
)  # fmt: skip
PAGE = Path(__file__).parents[2] / "docs" / "own-data.md"
BEGIN, END = "<!-- logs: begin -->", "<!-- logs: end -->"


def table() -> str:
    """The table in Markdown."""
    head = "| log | `--format` | records made by | a damaged record | a half |\n|---|---|---|---|---|\n"
    rows = ""
    for log in LOGS:
        half = "–" if log.half is None else f"named: {log.half[1]}"
        rows += f"| {log.name} | `{log.form}` | {log.made_by} | named: {log.damaged[1]} | {half} |\n"
    return head + rows


def with_table(page: str) -> str:
    """The page with the table of now."""
    return between(page, BEGIN, END, table())


if __name__ == "__main__":
    if sys.argv[1:] != ["write"]:
        sys.exit("usage: python -m tests.foreign.logs write")
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
