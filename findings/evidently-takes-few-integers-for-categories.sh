#!/usr/bin/env bash
# evidently 0.7.23: an integer column with up to ten distinct values in the data at hand is taken for a category, and an
# eleventh value makes the same column a number: another test decides, and the same shift is reported or not. Nothing in
# the result says that the kind was inferred from the sample.
source "$(dirname "$0")/_run.sh"
install evidently==0.7.23 'pandas<3'
run <<'PYTHON'
import pandas as pd
from evidently import DataDefinition, Dataset

def kind(values):
    data = Dataset.from_pandas(pd.DataFrame({"visits": values}), data_definition=DataDefinition())
    definition = data.data_definition
    return "category" if "visits" in definition.get_categorical_columns() else "number"

ten, eleven = kind(list(range(10)) * 100), kind(list(range(11)) * 100)
print("ten distinct integers:", ten)
print("eleven distinct integers:", eleven)
assert (ten, eleven) == ("category", "number")
PYTHON
