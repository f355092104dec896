"""Derived features: `spray_rate * speed / 1000` over columns, without ever running user code.

Why not `eval`: a spec is input. The text is parsed, every node is checked against a short list,
and what is left is computed with numpy on whole columns.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BINARY: dict[type[ast.operator], Callable[[Floats, Floats], Floats]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
_UNARY: dict[type[ast.unaryop], Callable[[Floats], Floats]] = {ast.UAdd: np.positive, ast.USub: np.negative}
_ONE: dict[str, Callable[[Floats], Floats]] = {"abs": np.abs, "sqrt": np.sqrt, "log": np.log, "exp": np.exp}
_MANY: dict[str, Callable[[Floats, Floats], Floats]] = {"min": np.minimum, "max": np.maximum}
_LONGEST, _DEEPEST = 1000, 50


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression and the features it reads, in order of first mention."""

    text: str
    names: tuple[str, ...]
    _tree: ast.expr

    def over(self, columns: Mapping[str, Floats]) -> Floats:
        """One value a row; NaN where an input is NaN or the result is not a finite number.

        >>> parse_expression("a / b").over({"a": np.array([6.0, 1.0]), "b": np.array([3.0, 0.0])})
        array([ 2., nan])
        """
        rows = len(next(iter(columns.values()))) if columns else 1
        with np.errstate(all="ignore"):
            value = np.broadcast_to(_evaluate(self._tree, columns), rows).astype(np.float64)
        value[~np.isfinite(value)] = np.nan
        return value


def parse_expression(text: str) -> Expression:
    """The expression in `text`; raises ValueError with a sentence that says what is not allowed.

    Allowed: names of features, numbers, `+ - * / **`, unary signs, parentheses and
    `min max abs sqrt log exp`.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"an expression may have {_LONGEST} characters, this one has {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"'{text}' is not an expression: {error}") from error
    names: dict[str, None] = {}
    _check(tree, text, names, 0)
    return Expression(text, tuple(names), tree)


def check_expression(text: str, features: Mapping[str, bool]) -> Expression:
    """The expression, checked against the features it may read (name → True if it is a raw number).

    Raises ValueError where it names another.

    >>> check_expression("sqrt(speed) * 2", {"speed": True}).names
    ('speed',)
    """
    expression = parse_expression(text)
    for name in expression.names:
        if name not in features:
            raise ValueError(f"'{text}' reads '{name}', which is not a feature of the spec")
        if not features[name]:
            raise ValueError(f"'{text}' reads '{name}', which is not a number that producers send")
    return expression


def _check(node: ast.expr, text: str, names: dict[str, None], depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(f"'{text[:40]}…' is nested more than {_DEEPEST} levels deep")
    for part in _parts(node, text):
        _check(part, text, names, depth + 1)
    if isinstance(node, ast.Name):
        names[node.id] = None


def _parts(node: ast.expr, text: str) -> list[ast.expr]:
    """The operands of a node that is allowed."""
    match node:
        case ast.BinOp(left, operator, right) if type(operator) in _BINARY:
            return [left, right]
        case ast.UnaryOp(operator, operand) if type(operator) in _UNARY:
            return [operand]
        case ast.Call(ast.Name(name), [_], []) if name in _ONE:
            return list(node.args)
        case ast.Call(ast.Name(name), [_, _, *_], []) if name in _MANY:
            return list(node.args)
        case ast.Name():
            return []
        case ast.Constant(int() | float() as number) if not isinstance(number, bool) and abs(number) < 1e308:
            return []
    raise ValueError(f"'{text}' has '{ast.unparse(node)}', which an expression may not use")


def _evaluate(node: ast.expr, columns: Mapping[str, Floats]) -> Floats:
    match node:
        case ast.BinOp(left, operator, right):
            return _BINARY[type(operator)](_evaluate(left, columns), _evaluate(right, columns))
        case ast.UnaryOp(operator, operand):
            return _UNARY[type(operator)](_evaluate(operand, columns))
        case ast.Call(ast.Name(name), arguments):
            values = [_evaluate(argument, columns) for argument in arguments]
            return _ONE[name](values[0]) if name in _ONE else _fold(_MANY[name], values)
        case ast.Name(name):
            return columns[name]
        case ast.Constant(value):
            return np.float64(value)  # type: ignore[return-value,arg-type]
    raise ValueError(f"unchecked expression: {ast.dump(node)}")


def _fold(combine: Callable[[Floats, Floats], Floats], values: list[Floats]) -> Floats:
    total = values[0]
    for value in values[1:]:
        total = combine(total, value)
    return total
