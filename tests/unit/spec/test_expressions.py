import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.spec.expressions import check_expression, parse_expression

NUMBERS = st.floats(-1e6, 1e6).filter(lambda value: value == 0 or abs(value) > 1e-6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("spray_rate * speed / 1000", 0.02),
        ("speed ** 2 / 9.81", 100 / 9.81),
        ("-speed + +2 - (1 - 3)", -6.0),
        ("min(speed, spray_rate, 5)", 2.0),
        ("max(abs(-speed), 3)", 10.0),
        ("sqrt(speed - 1) + log(exp(2))", 5.0),
        ("7", 7.0),
    ],
)
def test_an_expression_is_arithmetic_over_columns(text, expected):
    columns = {"spray_rate": np.array([2.0, 2.0]), "speed": np.array([10.0, 10.0])}
    assert parse_expression(text).over(columns) == pytest.approx([expected, expected])


def test_what_has_no_finite_value_is_missing():
    columns = {"a": np.array([1.0, 0.0, -1.0, np.nan, 800.0])}
    assert np.isnan(parse_expression("1 / a").over(columns)).tolist() == [False, True, False, True, False]
    assert np.isnan(parse_expression("log(a)").over(columns)).tolist() == [False, True, True, True, False]
    assert np.isnan(parse_expression("exp(a)").over(columns)).tolist() == [False, False, False, True, True]


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('x')", "a.b", "a[0]", "lambda: 1", "f(a)", "min(a)", "abs(a, a)", "abs(x=a)",
        "min(*a)", "a if a else 1", "a < 1", "a and 1", "'a'", "True", "[a]", "a := 1", "a // 2", "a % 2", "a @ a",
        "~a", "not a", "", " ", "a +", "1; 2", "a\nb", "1e999", "1j", "\0", "(" * 300 + "a" + ")" * 300,
        "-" * 60 + "a", "a+" * 600 + "a",
    ],
)  # fmt: skip
def test_everything_else_is_refused_with_a_sentence(text):
    with pytest.raises(ValueError, match=r"expression|use|nested|characters"):
        parse_expression(text)


def test_an_expression_reads_only_raw_numbers_of_the_spec():
    features = {"speed": True, "colour": False}
    assert check_expression("speed * 2", features).names == ("speed",)
    with pytest.raises(ValueError, match="'heat', which is not a feature"):
        check_expression("speed * heat", features)
    with pytest.raises(ValueError, match="'colour', which is not a number"):
        check_expression("colour + 1", features)


@given(NUMBERS, NUMBERS, st.sampled_from(["a + b", "a - b", "a * b", "a / b", "min(a, b)", "max(a, b)", "-a"]))
def test_it_computes_what_python_does(a, b, text):
    try:
        expected = eval(text, {"__builtins__": {}, "min": min, "max": max}, {"a": a, "b": b})
    except ZeroDivisionError:
        expected = math.nan
    (value,) = parse_expression(text).over({"a": np.array([a]), "b": np.array([b])})
    assert value == pytest.approx(expected, nan_ok=True)


@given(st.text(max_size=40))
def test_no_text_does_more_than_raise(text):
    try:
        parse_expression(text)
    except ValueError:
        return
