import gzip

import numpy as np
import pytest

from driftloop.errors import UserError
from driftloop.tools.replay.table import read_table


def test_numbers_categories_and_missing_values_are_told_apart(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("x,city,flag,day\n1.5,Ulm,true,2026-01-01\n,,false,2026-01-02\n")
    table = read_table(path)
    assert len(table) == 2
    assert np.isnan(table.columns["x"][1])
    assert table.columns["city"].tolist() == ["Ulm", None]
    assert table.columns["flag"].tolist() == [1.0, 0.0]
    assert table.columns["day"][1] - table.columns["day"][0] == 86_400


def test_a_gzipped_file_is_read_as_it_is(tmp_path):
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n3,4\n"))
    assert read_table(path).columns["b"].tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    ("content", "words", "code"),
    [
        (None, "There is no file", 4),
        (b"", "cannot be read as CSV", 2),
        (b"a,b\n", "has a header and no rows", 2),
        (b"a,b\n1,2\n3\n", "cannot be read as CSV", 2),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_one_sentence(tmp_path, content, words, code):
    path = tmp_path / "rows.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=words) as refusal:
        read_table(path)
    assert refusal.value.exit_code == code
    assert "\n" not in refusal.value.sentence
