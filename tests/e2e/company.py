"""A company that has a model in production, and none of our packages: a server behind KServe's logger, a table of
labels that Debezium reads, MLflow, and an owner who deploys what is asked for."""

import json
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import onnxruntime
from confluent_kafka import Producer
from numpy.typing import NDArray
from tests.foreign.bytes_of import change, kserve_headers

MODEL, LOG, TABLE = "churn", "kserve-churn", "crm.public.churned"
FIRST, REQUEST_ROWS, BLOCK_ROWS, DRIFT_ROW = "2026-05-blue", 10, 200, 1_000
START = datetime(2026, 6, 1, tzinfo=UTC)


@dataclass
class Mlflow:
    """MLflow as its users ask it: which version has an alias, and where its files are."""

    url: str

    def ask(self, path: str, **query: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/api/2.0/mlflow/{path}?{urlencode(query)}", timeout=30) as answer:
            return dict(json.load(answer))

    def tags(self) -> dict[str, dict[str, str]]:
        """Alias → the tags of the version that it names."""
        aliases = self.ask("registered-models/get", name=MODEL)["registered_model"].get("aliases", ())
        found = self.ask("model-versions/search", filter=f"name='{MODEL}'", max_results="100")["model_versions"]
        tags = {one["version"]: {tag["key"]: tag["value"] for tag in one["tags"]} for one in found}
        return {one["alias"]: tags[one["version"]] for one in aliases}


@dataclass
class Company:
    """Everything happens when it is told to, and depends on nothing but the rows before it."""

    producer: Producer
    version: str = FIRST
    shadow: str | None = None
    rows: int = 0
    served: dict[str, int] = field(default_factory=dict)
    """Version → how many rows it has answered."""
    _models: dict[str, onnxruntime.InferenceSession] = field(default_factory=dict)
    _unlabelled: list[tuple[str, str, datetime]] = field(default_factory=list)
    _random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))

    def serve(self) -> None:
        """A block of requests, logged as KServe does: request and response on their own, in any order."""
        for number in range(self.rows // REQUEST_ROWS, (self.rows + BLOCK_ROWS) // REQUEST_ROWS):
            asked, at = f"req-{number}", START + timedelta(minutes=REQUEST_ROWS * number)
            rows = self._random.normal(size=(REQUEST_ROWS, 2)).astype(np.float32)
            truth = ((rows[:, 0] > 0) != (self.rows >= DRIFT_ROW)) ^ (self._random.random(REQUEST_ROWS) < 0.05)
            self._unlabelled += [
                (f"{asked}-{row}", "yes" if true else "no", at) for row, true in enumerate(truth.tolist())
            ]
            parts = {"request": self._request(rows), "response": self._response(rows)}
            for part in sorted(parts, reverse=bool(number % 2)):
                self._send(LOG, parts[part], kserve_headers(part, asked, at))
            self.served[self.version] = self.served.get(self.version, 0) + REQUEST_ROWS
            self.rows += REQUEST_ROWS
        self.producer.flush()

    def label(self) -> None:
        """What became of the customers: rows of a table, the last of each request inserted before it is known."""
        for prediction_id, churned, at in self._unlabelled:
            row, ms = {"prediction_id": prediction_id, "churned": churned}, int(at.timestamp() * 1000)
            if prediction_id.endswith("-9"):
                self._send(TABLE, change("c", {**row, "churned": None}, commit_ms=ms))
            self._send(TABLE, change("u" if prediction_id.endswith("-9") else "c", row, commit_ms=ms + 60_000))
        self._unlabelled.clear()
        self.producer.flush()

    def run_in_the_shadow(self, tags: dict[str, str]) -> None:
        """Load what MLflow says is the challenger, and have it answer beside."""
        self.shadow = tags["driftloop.version"]
        file = Path(tags["driftloop.artifact"]) / "model.onnx"
        self._models[self.shadow] = onnxruntime.InferenceSession(file.read_bytes())

    def deploy(self, version: str) -> None:
        """Have another version answer, and the one before it go on in the shadow."""
        self.version, self.shadow = version, self.version

    def _request(self, rows: NDArray[np.float32]) -> dict[str, Any]:
        tensors = zip(("usage", "tickets"), rows.T, strict=True)
        return {
            "inputs": [
                {"name": name, "shape": [len(rows)], "datatype": "FP32", "data": data.tolist()}
                for name, data in tensors
            ]
        }

    def _response(self, rows: NDArray[np.float32]) -> dict[str, Any]:
        said = {"churned": self._says(self.version, rows)}
        if self.shadow is not None:
            said[f"shadow.{self.shadow}"] = self._says(self.shadow, rows)
        outputs = [
            {"name": name, "shape": [len(rows), 1], "datatype": "BYTES", "data": data} for name, data in said.items()
        ]
        return {"model_name": MODEL, "model_version": self.version, "outputs": outputs}

    def _says(self, version: str, rows: NDArray[np.float32]) -> list[str]:
        if version == FIRST:
            return np.where(rows[:, 0] > 0, "yes", "no").tolist()
        session = self._models[version]
        return list(map(str, session.run(None, {session.get_inputs()[0].name: rows})[0]))

    def _send(self, topic: str, body: dict[str, Any], headers: tuple[tuple[str, bytes], ...] = ()) -> None:
        self.producer.poll(0)
        self.producer.produce(topic, json.dumps(body).encode(), headers=list(headers))
