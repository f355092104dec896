"""The bench of the proof: small, and its figures are what they say."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from driftloop.tools.bench.proof import NULLS, bench_proof, paired, peeked_z_test, proof_table
from driftloop.tools.cli.main import app


@pytest.fixture(scope="module")
def result():
    return bench_proof(streams=4, rows=400, runs=4)


def test_each_null_stands_beside_a_peeked_z_test(result):
    assert set(result["null_promotions"]) == set(NULLS)
    for one in result["null_promotions"].values():
        assert 0.0 <= one["promoted"] <= one["peeked_z_test"] <= 1.0


def test_the_table_says_every_figure(result):
    said = proof_table(result)
    for name in (*NULLS, *result["rows_to_prove"], *result["rolled_back"]):
        assert name in said


def test_the_same_seeds_give_the_same_figures(result):
    assert bench_proof(streams=4, rows=400, runs=4) == result


@pytest.mark.parametrize("kind", NULLS)
def test_a_null_stream_favours_nobody(kind):
    rng = np.random.default_rng(1)
    assert abs(np.mean([NULLS[kind](rng, 20_000).mean() for _ in range(30)])) < 0.01


def test_a_gain_is_seen_by_the_z_test_at_once():
    assert peeked_z_test(paired(np.random.default_rng(2), 2000, 0.05, 0.1))


def test_the_command_writes_what_a_script_reads(tmp_path):
    asked = ["bench", "proof", "--streams", "2", "--rows", "200", "--runs", "2", "--json", str(tmp_path / "said.json")]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "said.json").read_text())["streams"] == 2
