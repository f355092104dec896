"""`driftloop sources`: files are read, and samples tried, before anything runs."""

import json

import pytest
from tests.foreign.bytes_of import JSON_ROW, PATHS, V1_REQUEST, V1_RESPONSE
from typer.testing import CliRunner

from driftloop.errors import UserError
from driftloop.registry.sources import DeclaredSources, missing_sources
from driftloop.spec.model_source import ModelSource
from driftloop.spec.model_spec import ModelSpec
from driftloop.tools.cli.sources import app

SOURCE = {"name": "log", "model_id": "fraud", "topics": ["theirs"], "paths": PATHS}


@pytest.fixture
def check(tmp_path):
    def run(source, lines, *options):
        file, sample = tmp_path / "source.yaml", tmp_path / "records.jsonl"
        file.write_text(json.dumps(source))
        sample.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
        return CliRunner().invoke(app, ["check", str(file), "--sample", str(sample), *options])

    return run


def test_each_record_shows_what_it_becomes_or_why_not(check):
    done = check(SOURCE, [JSON_ROW, {**JSON_ROW, "score": None}, "rubbish"])
    first, second, third = done.stdout.splitlines()
    assert done.exit_code == 1
    assert first.startswith('record 0: prediction-outcomes {"prediction_id":"p-7"')
    assert "record 1: refused: MissingPath: the path 'score' (prediction): it gives nothing" in second
    assert third.startswith("record 2: refused: Undecodable: the value is no JSON")


def test_records_of_kcat_keep_their_headers_and_halves_are_joined(check):
    kserve = {"name": "k", "model_id": "m", "topics": ["t"], "server": "kserve", "version": "1.0.0",
              "feature_names": ["a", "b"]}  # fmt: skip

    def event(part, body):
        attributes = {"ce_id": "r-7", "ce_type": f"org.kubeflow.serving.inference.{part}", "ce_source": "x"}
        headers = [part for pair in attributes.items() for part in pair]
        return {"topic": "t", "partition": 0, "offset": 3, "ts": 1_700_000_000_000, "headers": headers, "key": None,
                "payload": json.dumps(body)}  # fmt: skip

    done = check(kserve, [event("response", V1_RESPONSE), event("request", V1_REQUEST)], "--json")
    first, second = json.loads(done.stdout)
    assert first["passed_over"] == "waits for its other half"
    assert [message["key"] for message in second["messages"]] == ["r-7-0", "r-7-1"]
    assert done.exit_code == 0


def test_keys_that_change_nothing_are_said(check):
    done = check(SOURCE | {"classes": ["no", "yes"]}, [JSON_ROW])
    assert done.exit_code == 0
    assert "so this has no effect: classes." in done.stderr


def test_a_file_that_makes_no_sense_names_the_field(tmp_path):
    file = tmp_path / "source.yaml"
    file.write_text(json.dumps(SOURCE | {"encoding": "xml"}))
    sample = tmp_path / "r.jsonl"
    sample.write_text("{}")
    done = CliRunner().invoke(app, ["check", str(file), "--sample", str(sample)])
    assert isinstance(done.exception, UserError)
    assert "encoding" in done.exception.sentence


def test_a_source_that_a_spec_names_and_nobody_declared_for_it_is_missing():
    spec = ModelSpec(
        model_id="m", task="binary", features={"x": {}}, target={"y": {}}, sources=("log", "kserve", "nowhere")
    )
    declared = {
        "log": ModelSource.model_validate(SOURCE),
        "kserve": ModelSource.model_validate(SOURCE | {"name": "kserve", "model_id": "m"}),
    }
    assert missing_sources([spec], DeclaredSources(declared, {})) == {"log": ["m"], "nowhere": ["m"]}
