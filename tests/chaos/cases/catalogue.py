"""Every case by the name it is asked for with."""

from collections.abc import Callable

from tests.chaos.case import Case
from tests.chaos.cases.counter import CounterCase

CASES: dict[str, Callable[[], Case]] = {
    "counter-keyed": lambda: CounterCase("keyed"),
    "counter-snapshot": lambda: CounterCase("snapshot"),
}
