"""OpenLineage events from the log: from which data a run made which version, and which version serves.

One message is one event, so that nothing has to be remembered; a receiver puts the events of a run together. Event
times and run ids are those of the messages: an event that is sent again is the same.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from driftloop.contracts import topics
from driftloop.contracts.message import ControlMessage, FramePosition
from driftloop.contracts.model_events import ModelEvent
from driftloop.contracts.training_requests import TrainingRequest
from driftloop.contracts.training_results import TrainingResult

PRODUCER = "https://pypi.org/project/driftloop"
_SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = "https://openlineage.io/spec/facets"
_BASE_FACET = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
_ENDS = {"succeeded": "COMPLETE", "failed": "FAIL", "cancelled": "ABORT"}

Event = dict[str, Any]


def events_of(topic: str, value: bytes, namespace: str) -> list[Event]:
    """What a record says about lineage. Raises ValueError where it cannot be read."""
    kind, read = _READERS[topic]
    return list(read(kind.from_json(value), namespace))


def _request(request: TrainingRequest, namespace: str) -> Iterator[Event]:
    rows = {"rows": request.data.rows, "until": _place(request.data.until), "seed": request.seed}
    facets = {"driftloop_data": _own("InputDatasetFacet", rows)}
    inputs = [_dataset(namespace, _data(request.model_id), _place(request.data.until), inputFacets=facets)]
    if request.base_version is not None:
        inputs.append(_dataset(namespace, _versions(request.model_id), request.base_version))
    facet = {
        "learner": request.learner, "mode": request.mode, "spec_version": request.spec_version,
        "reason": request.reason, "caused_by": [str(cause) for cause in request.caused_by],
    }  # fmt: skip
    yield {
        **_event("START", request, namespace, "train", str(request.message_id), driftloop=_own("RunFacet", facet)),
        "inputs": inputs,
        "outputs": [],
    }


def _result(result: TrainingResult, namespace: str) -> Iterator[Event]:
    facets: dict[str, Any] = {"driftloop": _own("RunFacet", {"metrics": result.metrics})}
    if result.failure:
        message = {"message": result.failure, "programmingLanguage": "Python"}
        facets["errorMessage"] = _standard("1-0-1/ErrorMessageRunFacet", message)
    inputs, outputs = [], []
    if result.data is not None:
        told = {
            "rows": result.data.rows, "first": _place(result.data.first), "last": _place(result.data.last),
            "sha256": result.data.sha256,
        }  # fmt: skip
        data = {"driftloop_data": _own("InputDatasetFacet", told)}
        inputs = [_dataset(namespace, _data(result.model_id), _place(result.data.last), inputFacets=data)]
    if result.status == "succeeded" and result.reused_version is None:
        outputs = [_version(namespace, result.model_id, result.version, result.artifact, result.artifact_sha256)]
    yield {
        **_event(_ENDS[result.status], result, namespace, "train", str(result.run_id), **facets),
        "inputs": inputs,
        "outputs": outputs,
    }


def _promotion(event: ModelEvent, namespace: str) -> Iterator[Event]:
    """A version that comes to serve is a run of its own, from the version to the model's champion."""
    if event.event not in ("promoted", "rolled_back") or event.version is None:
        return
    told = {"reason": event.reason, "instead_of": event.previous_version, "how": event.event}
    facets: dict[str, Any] = {"driftloop": _own("RunFacet", told)}
    if event.run_id is not None:
        parent = {
            "run": {"runId": str(event.run_id)}, "job": {"namespace": namespace, "name": f"{event.model_id}.train"}
        }  # fmt: skip
        facets["parent"] = _standard("1-2-0/ParentRunFacet", parent)
    yield {
        **_event("COMPLETE", event, namespace, "promote", str(event.message_id), **facets),
        "inputs": [_version(namespace, event.model_id, event.version, event.artifact, event.artifact_sha256)],
        "outputs": [_dataset(namespace, f"{event.model_id}.champion", event.version)],
    }


def _event(kind: str, message: ControlMessage, namespace: str, job: str, run_id: str, **facets: Any) -> Event:
    told = {"processingType": "BATCH", "integration": "DRIFTLOOP", "jobType": job.upper()}
    return {
        "eventType": kind,
        "eventTime": message.occurred_at.isoformat(),
        "run": {"runId": run_id, "facets": facets},
        "job": {
            "namespace": namespace,
            "name": f"{message.model_id}.{job}",
            "facets": {"jobType": _standard("2-0-4/JobTypeJobFacet", told)},
        },
        "producer": PRODUCER,
        "schemaURL": _SPEC,
    }


def _version(namespace: str, model_id: str, version: str, artifact: str | None, sha256: str | None) -> Event:
    told = {"artifact": artifact, "sha256": sha256}
    facets = {"driftloop_artifact": _own("DatasetFacet", told)} if artifact else {}
    return _dataset(namespace, _versions(model_id), version, more=facets)


def _dataset(namespace: str, name: str, version: str, more: Mapping[str, Any] | None = None, **own: Any) -> Event:
    facet = _standard("1-0-1/DatasetVersionDatasetFacet", {"datasetVersion": version})
    return {"namespace": namespace, "name": name, "facets": {"version": facet, **(more or {})}, **own}


def _standard(name: str, facet: Mapping[str, Any]) -> Event:
    version, _, kind = name.partition("/")
    return {"_producer": PRODUCER, "_schemaURL": f"{_FACETS}/{version}/{kind}.json#/$defs/{kind}", **facet}


def _own(base: str, facet: Mapping[str, Any]) -> Event:
    return {"_producer": PRODUCER, "_schemaURL": f"{_BASE_FACET}{base}", **facet}


def _data(model_id: str) -> str:
    return f"{model_id}.{topics.OUTCOME_FRAMES}"


def _versions(model_id: str) -> str:
    return f"{model_id}.versions"


def _place(position: FramePosition) -> str:
    return f"{position.partition}:{position.offset}"


_Reader = Callable[..., Iterator[Event]]
_READERS: Mapping[str, tuple[type[ControlMessage], _Reader]] = {
    topics.TRAINING_REQUESTS: (TrainingRequest, _request),
    topics.TRAINING_RESULTS: (TrainingResult, _result),
    topics.MODEL_EVENTS: (ModelEvent, _promotion),
}
INPUTS = tuple(_READERS)
"""What lineage is read off."""
