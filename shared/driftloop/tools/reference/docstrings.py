"""Docstrings under attributes, which Python itself does not keep."""

import ast
import inspect
import textwrap


def attribute_docstrings(owner: type) -> dict[str, str]:
    """Attribute → the string that stands under its declaration, for the attributes that have one.

    >>> from driftloop.spec.model_spec import Detection
    >>> attribute_docstrings(Detection)["tolerance"]
    'The rise of the mean loss that the owner does not mind.'
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
    assert isinstance(tree, ast.ClassDef)
    found: dict[str, str] = {}
    for statement, following in zip(tree.body, tree.body[1:], strict=False):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        match following:
            case ast.Expr(value=ast.Constant(value=str(text))):
                found[statement.target.id] = inspect.cleandoc(text)
    return found


def description(owner: type) -> str:
    """The docstring of a class without its examples."""
    return (inspect.getdoc(owner) or "").split(">>>")[0].strip()
