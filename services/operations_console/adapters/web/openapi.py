"""The OpenAPI 3.1 document, made from the table of routes and the models of bodies and answers."""

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from operations_console.adapters.web.routes import Route
from operations_console.core.problems import CONTENT_TYPE, Problem
from operations_console.core.told import EventTold

_REF = "#/components/schemas/{model}"
KEY_PATTERN = r"^[\x21-\x7e]{1,200}$"
VERSION_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:+@=-]{0,119}$"
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$"
PATH_SCHEMAS: dict[str, dict[str, Any]] = {
    "model_id": {"type": "string", "pattern": NAME_PATTERN},
    "version": {"type": "string", "pattern": VERSION_PATTERN},
    "run_id": {"type": "string", "format": "uuid"},
    "command_id": {"type": "string", "format": "uuid"},
    "job_id": {"type": "string", "format": "uuid"},
    "place": {"type": "string", "pattern": r"^\d{1,9}:\d{1,18}$"},
}
EVENTS_PATH = "/api/events"


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The document that `/openapi.json` answers with."""
    listed = list(routes)
    paths: dict[str, Any] = {}
    for route in listed:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    paths[EVENTS_PATH] = {"get": _events()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "driftloop operations console",
            "version": version("driftloop"),
            "description": "The fleet as the log tells it, and commands to it. Errors are problem details (RFC 9457).",
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(listed),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {"problem": _problem()},
        },
        "security": [{"token": []}],
    }


def _schemas(routes: list[Route]) -> dict[str, Any]:
    models: list[tuple[type[BaseModel], Any]] = [(Problem, "serialization"), (EventTold, "serialization")]
    for route in routes:
        models.append((route.answer, "serialization"))
        models += [(route.body, "validation")] if route.body else []
    unique = list(dict.fromkeys(models))
    _, schemas = models_json_schema(unique, ref_template=_REF)
    found: dict[str, Any] = schemas["$defs"]
    return found


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "description": f"Needs the role {route.role}, or a higher one.",
        "tags": [route.tag],
        "x-role": route.role,
        "parameters": [*_path_parameters(route.path), *_query_parameters(route.query), *_key_parameter(route)],
        "responses": {
            str(route.status): {
                "description": route.answer.__doc__ or "the answer",
                "content": {"application/json": {"schema": {"$ref": _REF.format(model=route.answer.__name__)}}},
            },
            "default": {"$ref": "#/components/responses/problem"},
        },
    }
    if route.body:
        schema = {"$ref": _REF.format(model=route.body.__name__)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _path_parameters(path: str) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", path):
        yield {"name": name, "in": "path", "required": True, "schema": PATH_SCHEMAS[name]}


def _query_parameters(query: type[BaseModel] | None) -> Iterator[dict[str, Any]]:
    if query is None:
        return
    for name, schema in query.model_json_schema().get("properties", {}).items():
        options = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
        yield {"name": name, "in": "query", "required": False, "schema": options[0]}


def _key_parameter(route: Route) -> Iterator[dict[str, Any]]:
    if route.keyed:
        words = "The same key sent twice is one command."
        schema = {"type": "string", "pattern": KEY_PATTERN}
        yield {"name": "Idempotency-Key", "in": "header", "required": False, "description": words, "schema": schema}


def _events() -> dict[str, Any]:
    return {
        "operationId": "events",
        "summary": "Changes as they come: server-sent events, each an EventTold",
        "description": "With Last-Event-ID the stream goes on from there; an event `reset` says to read anew.",
        "tags": ["events"],
        "x-role": "viewer",
        "parameters": [
            {"name": "Last-Event-ID", "in": "header", "required": False, "schema": {"type": "string"}},
            {"name": "model_id", "in": "query", "required": False, "schema": PATH_SCHEMAS["model_id"]},
        ],
        "responses": {
            "200": {"description": "the stream", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
            "default": {"$ref": "#/components/responses/problem"},
        },
    }


def _problem() -> dict[str, Any]:
    schema = {"$ref": _REF.format(model="Problem")}
    return {"description": "What is wrong, and what to do.", "content": {CONTENT_TYPE: {"schema": schema}}}
