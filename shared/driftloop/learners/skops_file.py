"""Reads a skops file so that nothing in it can run code, or read memory that is not its own.

Why beside skops' own check: it trusts every estimator and function of scikit-learn, and refuses the arrays of a
tree, because the C code that walks them believes every index in them. So here the file's description is held against
a list of kinds before anything is made of it, and each tree's indices are checked before it is used.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any

import numpy as np

_LARGEST_SCHEMA = 64 << 20
_LARGEST_WHOLE = 4 << 30
_TREE = "sklearn.tree._tree.Tree"
_DTYPE = "numpy.dtype"
ESTIMATORS = frozenset({
    "sklearn.compose._column_transformer.ColumnTransformer",
    "sklearn.ensemble._forest.ExtraTreesClassifier",
    "sklearn.ensemble._forest.ExtraTreesRegressor",
    "sklearn.ensemble._forest.RandomForestClassifier",
    "sklearn.ensemble._forest.RandomForestRegressor",
    "sklearn.impute._base.SimpleImputer",
    "sklearn.linear_model._base.LinearRegression",
    "sklearn.linear_model._coordinate_descent.ElasticNet",
    "sklearn.linear_model._coordinate_descent.Lasso",
    "sklearn.linear_model._logistic.LogisticRegression",
    "sklearn.linear_model._ridge.Ridge",
    "sklearn.linear_model._ridge.RidgeClassifier",
    "sklearn.pipeline.Pipeline",
    "sklearn.preprocessing._data.MinMaxScaler",
    "sklearn.preprocessing._data.RobustScaler",
    "sklearn.preprocessing._data.StandardScaler",
    "sklearn.preprocessing._encoders.OneHotEncoder",
    "sklearn.preprocessing._encoders.OrdinalEncoder",
    "sklearn.preprocessing._label.LabelBinarizer",
    "sklearn.tree._classes.DecisionTreeClassifier",
    "sklearn.tree._classes.DecisionTreeRegressor",
    "sklearn.tree._classes.ExtraTreeClassifier",
    "sklearn.tree._classes.ExtraTreeRegressor",
})  # fmt: skip
"""What a model may be made of."""
_PLAIN = frozenset(
    {"DictNode", "ListNode", "TupleNode", "JsonNode", "NdArrayNode", "SliceNode", "SetNode", "CachedNode"}
)
_TYPES = frozenset({
    "builtins.str", "builtins.int", "builtins.float", "builtins.bool",
    "numpy.float64", "numpy.float32", "numpy.int64", "numpy.int32", "numpy.object_", "numpy.str_",
})  # fmt: skip


def read_skops(contents: bytes) -> Any:
    """The estimator in a skops file's bytes. Raises ValueError, with a sentence, for whatever is not on the list."""
    try:
        import skops.io
    except ImportError as error:
        raise ValueError("skops is not installed: pip install 'driftloop[trainer]'") from error
    require_known_kinds(_schema(contents))
    try:
        model = skops.io.loads(contents, trusted=[_TREE, _DTYPE])
    except Exception as error:  # its errors have no common kind
        raise ValueError(f"the skops file cannot be read: {type(error).__name__}: {str(error)[:300]}") from error
    require_sound_trees(model)
    return model


def require_known_kinds(schema: Mapping[str, Any]) -> None:
    """Raises ValueError, with a sentence, where a description names anything that is not on the list."""
    for node in _nodes(schema):
        loader, what = str(node["__loader__"]), f"{node.get('__module__')}.{node.get('__class__')}"
        known = (
            (loader in _PLAIN and what.split(".", maxsplit=1)[0] in ("builtins", "numpy"))
            or (loader == "ObjectNode" and what in ESTIMATORS)
            or (loader == "TreeNode" and what == _TREE)
            or (loader == "DTypeNode" and what == _DTYPE)
            or (loader == "TypeNode" and what in _TYPES)
            or (loader == "RandomStateNode" and what == "numpy.random.mtrand.RandomState")
        )
        if not known:
            raise ValueError(
                f"the skops file holds a {what} ({loader}), which is not loaded here: convert the model to ONNX, or "
                "serve it and register its address"
            )


def require_sound_trees(model: Any) -> None:
    """Raises ValueError, with a sentence, where a tree of the model points outside of itself or of its features."""
    for owner in _parts(model):
        members = getattr(owner, "estimators_", None)
        if members is not None:
            for one in _parts(members):
                if hasattr(one, "tree_") and one.tree_.n_features != owner.n_features_in_:
                    raise ValueError("a tree of the skops file has other features than its forest")
        if hasattr(owner, "tree_"):
            _require_sound(owner.tree_, int(owner.n_features_in_))


def _require_sound(tree: Any, features: int) -> None:
    left, right, used = (np.asarray(one) for one in (tree.children_left, tree.children_right, tree.feature))
    nodes, count = np.arange(len(left)), len(left)
    leaf = left == -1
    inner = ~leaf
    sound = (
        count > 0
        and tree.n_features == features
        and len(tree.value) == count
        and np.array_equal(leaf, right == -1)
        and bool(((left > nodes) & (left < count) & (right > nodes) & (right < count))[inner].all())
        and bool(((used >= 0) & (used < features))[inner].all())
    )
    if not sound:
        raise ValueError("a tree of the skops file is damaged: a node points outside of the tree or of its features")


def _schema(contents: bytes) -> Mapping[str, Any]:
    try:
        with zipfile.ZipFile(BytesIO(contents)) as packed:
            if packed.getinfo("schema.json").file_size > _LARGEST_SCHEMA:
                raise ValueError("the description in the skops file is too large")
            if sum(one.file_size for one in packed.infolist()) > _LARGEST_WHOLE:
                raise ValueError(f"the skops file unpacks to more than {_LARGEST_WHOLE >> 30} GiB")
            schema = json.loads(packed.read("schema.json"))
    except (zipfile.BadZipFile, KeyError, OSError, RecursionError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"the file is no skops file: {str(error)[:200]}") from error
    if not isinstance(schema, dict):
        raise ValueError("the file is no skops file: its description is no object")  # noqa: TRY004  (the file is wrong)
    return schema


def _nodes(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Every node of the description, wherever it stands."""
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if "__loader__" in one:
                yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _parts(model: Any) -> Iterator[Any]:
    """The estimators that a model is made of, itself among them."""
    waiting, seen = [model], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list | tuple) or (isinstance(one, np.ndarray) and one.dtype == object):
            waiting.extend(list(np.ravel(one)) if isinstance(one, np.ndarray) else one)
        elif type(one).__module__.startswith("sklearn."):
            if hasattr(one, "__dict__"):
                waiting.extend(vars(one).values())
            yield one
