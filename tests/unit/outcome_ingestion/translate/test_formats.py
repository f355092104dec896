"""Each format and framing: a good record, a damaged one, and half of an exchange."""

import pytest
from tests.foreign.cases import CASES, Case
from tests.foreign.running import run

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name} / {case.framing}")


def test_there_are_enough_of_them():
    assert len(CASES) >= 25
    assert len({(case.name, case.framing) for case in CASES}) == len(CASES)


@each_case
def test_a_good_record_becomes_what_it_says(case: Case):
    messages, letters, _ = run(case, case.good)
    assert [letter.message for letter in letters] == []
    assert [
        {name: message.get(name) for name in told} for message, told in zip(messages, case.becomes, strict=True)
    ] == (case.becomes)
    assert {message["model_id"] for message in messages} <= {"fraud"}


@each_case
def test_a_damaged_record_is_buried_with_its_true_reason(case: Case):
    messages, letters, _ = run(case, [case.damaged])
    assert messages == []
    assert len(letters) == 1
    assert case.reason in letters[0].message


@pytest.mark.parametrize("case", [case for case in CASES if case.half], ids=lambda case: case.name)
def test_half_of_an_exchange_becomes_nothing_and_is_named_or_counted(case: Case):
    messages, letters, ignored = run(case, [case.half])
    assert messages == []
    if "response first" in case.name:
        assert ignored == {"request_without_response": 1}
    else:
        assert case.half_reason in f"{letters[0].error_class}: {letters[0].message}"


@each_case
def test_the_same_records_give_the_same_messages_however_they_are_batched(case: Case):
    together, _, _ = run(case, [*case.good, *case.good])
    once, _, _ = run(case, case.good)
    assert together == once * 2
