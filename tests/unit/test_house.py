"""Sizes that are kept: methods of a class, lines of a function, files of a core's folder."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.trees import trees_of_the_product

ROOT = Path(__file__).parents[2]
MOST_METHODS, MOST_LINES, MOST_FILES = 20, 60, 15
Function = ast.FunctionDef | ast.AsyncFunctionDef
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Where a statement, a handler of exceptions or a case of a match holds others."""


@pytest.fixture(scope="module")
def definitions() -> list[tuple[Path, ast.ClassDef | Function]]:
    """The classes and functions of the product, read once."""
    return [(path.relative_to(ROOT), node) for path, tree in trees_of_the_product() for node in _defined(tree)]


def _defined(tree: ast.Module) -> Iterator[ast.ClassDef | Function]:
    """At whatever depth; no definition stands within an expression, only in a block of statements."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ClassDef | Function):
            yield node
        waiting.extend(one for block in BLOCKS for one in getattr(node, block, ()))


def test_no_class_has_too_many_methods(definitions):
    found = {
        f"{path}: {node.name}": methods
        for path, node in definitions
        if isinstance(node, ast.ClassDef)
        and (methods := sum(isinstance(one, Function) for one in node.body)) > MOST_METHODS
    }
    assert found == {}, "split the class"


def test_no_function_is_too_long(definitions):
    found = {
        f"{path}: {node.name}": lines
        for path, node in definitions
        if isinstance(node, Function)
        and not path.stem.endswith("_kernel")
        and (lines := (node.end_lineno or 0) - _first_line(path, node) + 1) > MOST_LINES
    }
    assert found == {}, "make two of it"


def _first_line(path: Path, node: Function) -> int:
    """Where its lines are counted from: the options of a command are parameters, one a line, and no code."""
    return node.body[0].lineno if "cli" in path.parts else node.lineno


def test_no_folder_of_a_core_has_too_many_files():
    folders = [path for core in ROOT.glob("services/*/core") for path in (core, *core.rglob("*")) if path.is_dir()]
    found = {
        str(path.relative_to(ROOT)): count for path in folders if (count := len([*path.glob("*.py")])) > MOST_FILES
    }
    assert found == {}, "give the files rooms"
