"""Records to blocks of rows: one record walked through both paths.

Take this record, its key `p1`, of a model with the feature `x` and one target field `y`:

    {"prediction_id": "p1", "model_id": "m", "model_version": "1.0.0",
     "predicted_at": "2026-01-05T08:00:00Z", "features": {"x": 1.5}, "prediction": 2.0}

**Which encoding** (`decoding.BatchDecoder`). The header `content-type` says it; a record without one is JSON, unless
its first byte is zero: then it is Avro in Confluent's framing. Labels are read one by one (`label_items`), Arrow
records by `arrow_records`. All others try the fast path first.

**The fast path** (`fast/`). A producer writes the same names in the same order every time, so what stands between the
values is known after one record. `json_shapes` (`avro_shapes` for Avro) takes one record apart and gives its *shape*
(`record_shapes.RecordShape`): the *slots* where values stand, and the *fixed* bytes around them. The shape of the
record above has five slots; everything else, the name of the model too, is fixed:

>>> from outcome_ingestion.core.decode.layout import Layout
>>> from outcome_ingestion.core.decode.fast.json_shapes import learn_row_shape
>>> from driftloop.spec.model_spec import ModelSpec
>>> target = {"y": {"kind": "number"}}
>>> declared = {"model_id": "m", "task": "regression", "features": {"x": {}}, "target": target}
>>> spec = ModelSpec.model_validate(declared)
>>> layout = Layout("m", 1, spec, {"x": "number"}, (), dict(spec.target))
>>> first, second = (
...     b'{"prediction_id":"%s","model_id":"m","model_version":"1.0.0","predicted_at":"2026-01-05T08:00:00Z",'
...     b'"features":{"x":%s},"prediction":2.0}' % values for values in ((b"p1", b"1.5"), (b"p2", b"null"))
... )
>>> shape = learn_row_shape(first, layout)
>>> [slot.column for slot in shape.slots]
['prediction_id', 'model_version', 'predicted_at', 'feature.x', 'prediction.y']
>>> shape.fixed.tobytes()[:30]
b'{"prediction_id":"","model_id"'

`record_kernel.read_records` is compiled: it lays the records of a batch end to end, checks the fixed bytes of each and
reads its values straight into columns. `shaped_blocks` checks what the contract asks of a value. Nothing here ever
refuses a record: what does not fit byte by byte is left to the usual path.

>>> import numpy as np
>>> from outcome_ingestion.core.decode.fast.shaped_rows import Records, shaped_rows
>>> other = b'{"model_id": "m", "prediction_id": "p3"}'
>>> found = shaped_rows(Records([first, other, second], np.arange(3)), shape)
>>> found.fitting.tolist(), found.columns["feature.x"].to_pylist()
([0, 2], [1.5, None])

**The usual path** reads the records that are left, in three steps, each slower and more patient than the one before.
`json_rows.RowReader.decode` is msgspec with a class made for the model's spec. A record that it refuses is read by
`outcome_decoder`, which knows every spelling that the contract allows (a label as `{"y": 2.0}`, a feature that no spec
names), and `RowReader.fit` makes the same class of it, or raises a `Refusal` with the sentence of the dead letter.
`row_columns` turns the rows into the columns that the fast path gives too. Columnar JSON goes the same way a record at
a time (`column_records`), Avro through `avro_rows`.

**Both paths meet** in a `Block`: one model's rows as Arrow columns, under the names that frames give them. `checks`
looks at whole columns for what no decoder sees (times out of range, half a prediction). From there on nothing knows
which path a row came by; a test feeds the same records to both and compares what comes out.

**Which fields there are** stands in `driftloop.contracts.outcome_fields`; `layout` adds the model's own.
"""
