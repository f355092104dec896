"""Sizes that are kept: methods of a class, lines of a function, files of a core's folder."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.trees import trees_of_the_product

ROOT = Path(__file__).parents[2]
MOST_METHODS, MOST_LINES, MOST_FILES = 20, 60, 15
Function = ast.FunctionDef | ast.AsyncFunctionDef
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Where a statement, a handler of exceptions or a case of a match holds others."""


class Definition(NamedTuple):
    """A class or a function: where it is, how many methods it has, how many lines."""

    path: Path
    name: str
    is_class: bool
    methods: int
    lines: int


@pytest.fixture(scope="module")
def definitions() -> list[Definition]:
    """The classes and functions of the product, read once."""
    return [_told(path.relative_to(ROOT), node) for path, tree in trees_of_the_product() for node in _defined_in(tree)]


def _told(path: Path, node: ast.ClassDef | Function) -> Definition:
    is_class = isinstance(node, ast.ClassDef)
    lines = (node.end_lineno or 0) - _first_line(path, node) + 1
    return Definition(path, node.name, is_class, sum(isinstance(one, Function) for one in node.body), lines)


def _defined_in(tree: ast.Module) -> Iterator[ast.ClassDef | Function]:
    """At whatever depth; no definition stands within an expression, only in a block of statements."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.ClassDef | Function):
            yield node
        waiting.extend(one for block in BLOCKS for one in getattr(node, block, ()))


def test_no_class_has_too_many_methods(definitions):
    found = {
        f"{one.path}: {one.name}": one.methods for one in definitions if one.is_class and one.methods > MOST_METHODS
    }
    assert found == {}, "split the class"


def test_no_function_is_too_long(definitions):
    found = {
        f"{one.path}: {one.name}": one.lines
        for one in definitions
        if not one.is_class and not one.path.stem.endswith("_kernel") and one.lines > MOST_LINES
    }
    assert found == {}, "make two of it"


def test_each_definition_is_seen_wherever_it_stands():
    nested = """
if a:
    def one(): pass
elif b:
    class Two:
        def three(self): pass
try:
    pass
except E:
    async def four(): pass
else:
    def five(): pass
finally:
    with f:
        for x in y:
            def six(): pass
match m:
    case 1:
        def seven(): pass
"""
    names = [node.name for node in _defined_in(ast.parse(nested))]
    assert sorted(names) == sorted(["one", "Two", "three", "four", "five", "six", "seven"])


def _first_line(path: Path, node: ast.ClassDef | Function) -> int:
    """Where its lines are counted from: the options of a command are parameters, one a line, and no code."""
    return node.body[0].lineno if "cli" in path.parts else node.lineno


def test_no_folder_of_a_core_has_too_many_files():
    folders = [path for core in ROOT.glob("services/*/core") for path in (core, *core.rglob("*")) if path.is_dir()]
    found = {
        str(path.relative_to(ROOT)): count for path in folders if (count := len([*path.glob("*.py")])) > MOST_FILES
    }
    assert found == {}, "give the files rooms"
