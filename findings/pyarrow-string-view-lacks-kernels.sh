#!/usr/bin/env bash
# pyarrow 26.0.1 and polars 2.1.0: what polars hands over by the Arrow C stream is string_view, and pyarrow has no kernel
# for is_in, sort_indices or utf8_length on it (ArrowNotImplementedError); cast to string works.
# polars' own to_arrow() gives large_string instead, so that two ways out of one library differ.
source "$(dirname "$0")/_run.sh"
install pyarrow==26.0.1 polars==2.1.0
run <<'PYTHON'
import polars as pl, pyarrow as pa, pyarrow.compute as pc
frame = pl.DataFrame({"city": ["Ulm", "Bonn", None]})
column = pa.table(frame).column("city").combine_chunks()
print("by the C stream:", column.type, "| by to_arrow():", frame.to_arrow().column("city").type)
calls = {
    "is_in": lambda c: pc.is_in(c, value_set=c),
    "sort_indices": pc.sort_indices,
    "utf8_length": pc.utf8_length,
}
missing = []
for name, call in calls.items():
    try:
        call(column)
    except pa.ArrowNotImplementedError as error:
        missing.append(name)
        print(name, "->", str(error).splitlines()[0][:90])
print("after a cast:", pc.utf8_length(column.cast(pa.string())).to_pylist())
assert column.type == pa.string_view() and missing == list(calls), missing
PYTHON
