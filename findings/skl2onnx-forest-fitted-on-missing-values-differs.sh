#!/usr/bin/env bash
# skl2onnx 1.20.0 with scikit-learn 1.9.1 and onnxruntime 1.32.0: a random forest that was fitted on rows with missing
# values (scikit-learn supports NaN in trees) converts without an error or a warning, and predicts *other classes* where a
# value is missing: the side to which a tree sends NaN is lost. Rows without missing values agree exactly, so a check on
# complete rows passes.
source "$(dirname "$0")/_run.sh"
install skl2onnx==1.20.0 scikit-learn==1.9.1 onnxruntime==1.32.0 numpy==2.4.6
run <<'PYTHON'
import warnings
import numpy as np, onnxruntime as ort
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier

rng = np.random.default_rng(0)
x = rng.normal(size=(2000, 4)).astype(np.float32)
y = (x[:, 0] + x[:, 1] > 0).astype(int)
missing = rng.random(2000) < 0.3
x[missing, 0] = np.nan
y[missing] = 0
forest = RandomForestClassifier(20, random_state=0, max_depth=6).fit(x, y)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    model = to_onnx(forest, x[:1])
print("warnings about missing values:", sum("nan" in str(w.message).lower() or "missing" in str(w.message).lower() for w in said))
session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
fresh = rng.normal(size=(1000, 4)).astype(np.float32)
holed = fresh.copy()
holed[:, 0] = np.nan
share = {}
for name, rows in (("complete rows", fresh), ("rows with a missing value", holed)):
    theirs = session.run(None, {session.get_inputs()[0].name: rows})[0]
    share[name] = float(np.mean(theirs != forest.predict(rows)))
    print(f"{name}: {share[name]:.1%} of predictions differ")
assert share["complete rows"] == 0 and share["rows with a missing value"] > 0.1
PYTHON
