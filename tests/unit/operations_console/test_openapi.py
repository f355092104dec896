"""The OpenAPI document is what the server does: schemathesis asks everything that it describes."""

import json
from collections.abc import Callable

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings

from operations_console.adapters.web.openapi import document
from operations_console.adapters.web.routes import ROUTES

from .conftest import TOKENS, Served

Serve = Callable[..., Served]


def test_operations_have_names_of_their_own_and_every_path_parameter_is_declared():
    told = document(ROUTES)
    names = [one["operationId"] for path in told["paths"].values() for one in path.values()]
    assert len(names) == len(set(names))
    assert told["openapi"] == "3.1.0"


def test_every_schema_is_one():
    for schema in document(ROUTES)["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.slow
def test_the_server_keeps_to_its_document(serve: Serve):
    served = serve(wrong=1e6)
    schema = schemathesis.openapi.from_dict(json.loads(served("GET", "/openapi.json").body))
    left_out = {"events"}  # its stream does not end
    for operation in schema.get_all_operations():
        found = operation.ok()
        if found.definition.raw["operationId"] in left_out:
            continue
        ask_everything(found, served)


def ask_everything(operation: object, served: Served) -> None:
    # The document knows that a spec is text; whether that text is a spec is for the answer to say.
    judged = operation.definition.raw["operationId"] == "apply_spec"  # type: ignore[attr-defined]
    left_out = [schemathesis.checks.CHECKS.get_one("positive_data_acceptance")] if judged else []

    @settings(
        max_examples=5, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @schemathesis_given(operation)
    def ask(case: schemathesis.Case) -> None:
        headers = {"Authorization": f"Bearer {TOKENS['approver']}"}
        case.call_and_validate(base_url=served.address, headers=headers, excluded_checks=left_out)

    ask()


def schemathesis_given(operation: object) -> Callable[..., Callable[..., None]]:
    from hypothesis import given

    return given(case=operation.as_strategy())  # type: ignore[attr-defined]
