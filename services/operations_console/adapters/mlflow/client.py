"""The questions that the mirror asks MLflow (REST API 2.0; seen on 3.17.2).

Nothing there is idempotent: creating twice makes two. So everything is searched for by its tag first.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from driftloop.rest import Answer, Server

_API = "/api/2.0/mlflow"
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
_PAGE = "1000"
_AT_ONCE = 100
"""Parameters, and metrics, that MLflow takes in one call (of metrics it would take more)."""
LONGEST = 500
"""Characters of a value that MLflow takes everywhere."""


class RefusedError(Exception):
    """MLflow answers, and does not do what is asked; the sentence is its own."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered model as it stands there."""

    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Numbered:
    """A version there: its number, and its tags."""

    number: str
    tags: Mapping[str, str]


class MlflowClient:
    """Raises `AwayError` where MLflow does not answer, `RefusedError` where it does not do what is asked."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def model(self, name: str) -> Registered | None:
        """A registered model; None where there is none of that name."""
        answer = self._ask("GET", "registered-models/get", query={"name": name}, missing=True)
        if answer is None:
            return None
        found = answer["registered_model"]
        return Registered(_pairs(found.get("tags")), {one["alias"]: one["version"] for one in found.get("aliases", ())})

    def create_model(self, name: str, tags: Mapping[str, str]) -> None:
        """Register a model; one that is there already is left as it is."""
        self._ask("POST", "registered-models/create", {"name": name, "tags": _listed(tags)}, there=True)

    def tag_model(self, name: str, key: str, value: str) -> None:
        """Set a tag."""
        self._ask("POST", "registered-models/set-tag", {"name": name, "key": key, "value": value})

    def set_alias(self, name: str, alias: str, number: str) -> None:
        """Have an alias name a version."""
        self._ask("POST", "registered-models/alias", {"name": name, "alias": alias, "version": number})

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias. Its parameters go in the body: in the address MLflow does not see them."""
        self._ask("DELETE", "registered-models/alias", {"name": name, "alias": alias})

    def versions(self, name: str) -> Iterator[Numbered]:
        """Every version of a model."""
        page = ""
        while True:
            query = {"filter": f"name='{name}'", "max_results": _PAGE} | ({"page_token": page} if page else {})
            answer = self._ask("GET", "model-versions/search", query=query) or {}
            for one in answer.get("model_versions", ()):
                yield Numbered(one["version"], _pairs(one.get("tags")))
            page = answer.get("next_page_token", "")
            if not page:
                return

    def create_version(self, name: str, source: str, run_id: str | None, tags: Mapping[str, str]) -> str:
        """Make a version; its number."""
        body = {"name": name, "source": source, "tags": _listed(tags)} | ({"run_id": run_id} if run_id else {})
        answer = self._ask("POST", "model-versions/create", body) or {}
        return str(answer["model_version"]["version"])

    def tag_version(self, name: str, number: str, key: str, value: str) -> None:
        """Set a tag."""
        self._ask("POST", "model-versions/set-tag", {"name": name, "version": number, "key": key, "value": value})

    def experiment(self, name: str) -> str:
        """The id of an experiment, made if it is not there."""
        for _ in range(2):
            found = self._ask("GET", "experiments/get-by-name", query={"experiment_name": name}, missing=True)
            if found is not None:
                return str(found["experiment"]["experiment_id"])
            self._ask("POST", "experiments/create", {"name": name}, there=True)
        raise RefusedError(f"the experiment {name} cannot be made")

    def run(self, experiment: str, key: str, value: str) -> dict[str, Any] | None:
        """The run with a tag; None where there is none."""
        body = {"experiment_ids": [experiment], "filter": f"tags.`{key}` = '{value}'", "max_results": 1}
        found = (self._ask("POST", "runs/search", body) or {}).get("runs", ())
        return dict(found[0]) if found else None

    def create_run(self, experiment: str, name: str, start_ms: int, tags: Mapping[str, str]) -> dict[str, Any]:
        """Begin a run."""
        body = {"experiment_id": experiment, "run_name": name, "start_time": start_ms, "tags": _listed(tags)}
        return dict((self._ask("POST", "runs/create", body) or {})["run"])

    def log(self, run_id: str, at_ms: int, metrics: Mapping[str, float], parameters: Mapping[str, str],
            tags: Mapping[str, str]) -> None:  # fmt: skip
        """Log metrics and parameters: the same once more change nothing."""
        figures = [{"key": named(k), "value": v, "timestamp": at_ms, "step": 0} for k, v in metrics.items()]
        given = _listed(parameters)
        for first in range(0, max(len(figures), len(given), 1), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            self._ask("POST", "runs/log-batch", {"run_id": run_id, "metrics": figures[part], "params": given[part]})
        if tags:  # last: they say that all is there
            self._ask("POST", "runs/log-batch", {"run_id": run_id, "tags": _listed(tags)})

    def end_run(self, run_id: str, end_ms: int) -> None:
        """Say that a run is over."""
        self._ask("POST", "runs/update", {"run_id": run_id, "status": "FINISHED", "end_time": end_ms})

    def put_artifact(self, run: Mapping[str, Any], name: str, data: bytes) -> bool:
        """Put a file beside a run; False where MLflow does not serve artifacts itself."""
        address = run["info"]["artifact_uri"]
        if not address.startswith("mlflow-artifacts:"):
            return False
        path = re.sub(r"^mlflow-artifacts:/+([^/]+:\d+/)?", "", address)
        answer = self.server.ask("PUT", f"{_ARTIFACTS}/{path}/{name}", data, content_type="application/octet-stream")
        _require(answer)
        return True

    def _ask(
        self, method: str, path: str, body: Any = None, *, query: Mapping[str, str] | None = None,
        missing: bool = False, there: bool = False,
    ) -> dict[str, Any] | None:  # fmt: skip
        """The answer; None where `missing` allows that there is none, or `there` that it is there already."""
        answer = self.server.ask(method, f"{_API}/{path}", body, query=query)
        code = answer.body.get("error_code") if isinstance(answer.body, dict) else None
        if (missing and code == "RESOURCE_DOES_NOT_EXIST") or (there and code == "RESOURCE_ALREADY_EXISTS"):
            return None
        _require(answer)
        if not isinstance(answer.body, dict):
            raise RefusedError(f"this is no MLflow: {answer}")
        return answer.body


def named(key: str) -> str:
    """A name that MLflow takes: no odd letters, and nothing that as a file's path would be another one.

    >>> named("loss@0.9=x"), named("../a"), named("a//b"), named("a/b.c")
    ('loss_0.9_x', '__a', 'a__b', 'a/b.c')
    """
    plain = re.sub(r"[^\w./ :-]", "_", key, flags=re.ASCII)[:250]
    whole = posixpath.normpath(plain)
    if plain != whole or plain.startswith(("/", "..")) or plain == ".":
        plain = plain.replace("/", "_")
    if plain.startswith("..") or plain in ("", "."):
        plain = "_" + plain.lstrip(".")
    return plain


def _require(answer: Answer) -> None:
    if not answer.ok:
        raise RefusedError(str(answer))


def _pairs(tags: Any) -> dict[str, str]:
    return {one["key"]: one.get("value", "") for one in tags or ()}


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": named(key), "value": value[:LONGEST]} for key, value in tags.items()]
