"""YAML that people write: what stands twice, and what can be read and cannot be meant, is refused with a sentence."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from driftloop.errors import UserError
from driftloop.kafka.admin.access import read_grants
from driftloop.spec.yaml_text import read_yaml
from driftloop.tools.cli.models import read_spec
from driftloop.tools.cli.sources import read_source
from operations_console.adapters.deliverer import read_rules
from operations_console.adapters.web.identity import read_tokens

SPEC = """
model_id: churn
task: binary
features: {a: {}, b: {}}
target: {left: {kind: category}}
"""
SOURCE = """
name: log
model_id: churn
topics: [t]
paths: {prediction_id: id, features: x, prediction: said}
"""


@pytest.mark.wild(
    area="spec",
    given="a key that stands twice in a YAML file: a spec, a source, the rules, tokens, grants",
    right="refused with its line; the last one would have counted, and the first would have been lost",
)
@pytest.mark.parametrize(
    ("read", "text", "key"),
    [
        (read_spec, SPEC + "task: multiclass\n", "task"),
        (read_spec, SPEC.replace("b: {}", "a: {kind: category}"), "a"),
        (read_source, SOURCE + "topics: [u]\n", "topics"),
        (read_rules, "rules: []\nchannels: {}\nrules: []\n", "rules"),
        (read_tokens, "tokens: []\ntokens: []\n", "tokens"),
        (read_grants, "principals: {a: {}, a: {}}\n", "a"),
    ],
    ids=["spec", "feature", "source", "rules", "tokens", "grants"],
)
def test_a_key_that_stands_twice_is_refused(read: Callable[[Path], Any], text: str, key: str, tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=f"line [0-9]+: the key '{key}' stands there twice"):
        read(file)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
@settings(max_examples=60, deadline=None)
def test_all_else_is_read_as_pyyaml_reads_it(value: Any) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    assert read_yaml(text) == yaml.safe_load(text)


@pytest.mark.parametrize(
    "text",
    [
        "base: &b {a: 1, c: 2}\nmine: {<<: *b, a: 3}",
        "c: &c {a: 1}\ndefs: {inner: &b {<<: *c, a: 2}}\nmine: {<<: *b}",
        "c: &c {a: 1}\nb: &b {<<: *c, a: 2}\nmine: [{<<: [*b, *c], a: 3}, *b]",
    ],
    ids=["once", "of a merge that stands deeper", "twice"],
)
def test_merged_keys_are_overridden(text: str) -> None:
    assert read_yaml(text) == yaml.safe_load(text)


@pytest.mark.wild(
    area="spec",
    given="an infinite number in a spec: `minimum_effect: .inf`",
    right="refused with its line; JSON has no such number, so nobody could read the spec",
)
@pytest.mark.parametrize("number", [".inf", "-.INF", ".nan", "1.0e+400"])
def test_a_number_that_is_not_finite_is_refused(number: str, tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(f"{SPEC}challenge:\n  minimum_effect: {number}\n", encoding="utf-8")
    with pytest.raises(UserError, match=f"line 7: {re.escape(number)} is not finite"):
        read_spec(file)


@pytest.mark.wild(
    area="spec",
    given="a policy's schedule for a day that does not exist; a policy that does not exist",
    right="refused when it is declared; a spec on the log is read as before",
)
@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        ("{triggers: {schedule: {cron: '0 3 30 2 *'}}}", "there is no such day"),
        ("defualt", "there is no policy preset 'defualt'"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused(policy: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(f"{SPEC}policy: {policy}\n")
    with pytest.raises(UserError, match=sentence):
        read_spec(file)


@pytest.mark.wild(
    area="spec",
    given="a spec or a source that is empty, a list, or a text",
    right="refused with what it holds",
)
@pytest.mark.parametrize(
    ("text", "sentence"),
    [("", "it is empty"), ("- a", "it holds a list"), ("a", "it holds a text"), ("7", "single value")],
)
@pytest.mark.parametrize("read", [read_spec, read_source])
def test_what_holds_no_keys_is_said(read: Callable[[Path], Any], text: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=f"{sentence}, and keys with values are wanted"):
        read(file)


def test_a_token_file_names_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "tokens.yaml"
    file.write_text("tokens: [{name: a}]")
    with pytest.raises(UserError, match=r"tokens\.0\.[a-z_0-9]+: Field required"):
        read_tokens(file)
