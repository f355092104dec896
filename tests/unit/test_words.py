"""Prose that people read uses the words of docs/glossary.md, and none of those that it lists as avoided."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.trees import trees_of_the_product

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
LOGGED = {"debug", "info", "warning", "error", "exception", "critical"}
DEFINES_ITS_OWN = {"five-systems.md": {"S0", "S1", "S2", "S3", "S4"}, "glossary.md": None, "sources.md": {"payload"}}
"""Pages that name what they explain: these words (None: all). Connect and Debezium call their value the payload."""


def avoided() -> dict[str, str]:
    """Word → what to say in its place, from the glossary's second table."""
    section = GLOSSARY.read_text().split("## Words to avoid", 1)[1]
    rows = [line.strip("| ").split("|") for line in section.splitlines() if line.startswith("| ")]
    return {word.strip(): say.strip() for words, say in rows[1:] for word in words.split(",")}


AVOIDED = avoided()
SEARCH = re.compile(rf"\b({'|'.join(map(re.escape, sorted(AVOIDED, key=len, reverse=True)))})\b", re.IGNORECASE)


def found_in(text: str) -> list[str]:
    plain = re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)
    return [f"{word}: say {AVOIDED.get(word) or AVOIDED[word.lower()]}" for word in SEARCH.findall(plain)]


def pages() -> Iterator[Path]:
    yield from (ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"))
    yield from (path for path in sorted((ROOT / "docs").rglob("*.md")) if "measurements" not in path.parts)


def said_by_code() -> Iterator[tuple[str, str]]:
    """Where and what: texts of exceptions and log lines."""
    for path, tree in trees_of_the_product():
        for node in ast.walk(tree):
            raised = isinstance(node, ast.Raise) and node.exc is not None
            logged = isinstance(node, ast.Call) and getattr(node.func, "attr", "") in LOGGED
            if raised or logged:
                texts = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
                for text in texts:
                    if isinstance(text, str):
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", text


@pytest.mark.parametrize("page", list(pages()), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_avoids_the_words_that_the_glossary_lists(page: Path) -> None:
    exempt = DEFINES_ITS_OWN.get(page.name, set())
    found = [] if exempt is None else [told for told in found_in(page.read_text()) if told.split(":")[0] not in exempt]
    assert found == []


def test_errors_and_log_lines_avoid_them() -> None:
    assert {where: found for where, text in said_by_code() if (found := found_in(text))} == {}


def test_alerts_avoid_them() -> None:
    groups = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yml").read_text())["groups"]
    annotations = {rule["alert"]: " ".join(rule["annotations"].values()) for group in groups for rule in group["rules"]}
    assert {alert: found for alert, text in annotations.items() if (found := found_in(text))} == {}


def test_the_search_finds_a_word_and_leaves_code_alone() -> None:
    assert found_in("The nursery forks.") == ["nursery: say fork server"]
    assert found_in("`nursery.py` forks.") == []
    assert len(AVOIDED) > 10
