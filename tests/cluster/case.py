"""What a case of the cluster is: a situation that people bring about, and how the product must end in it.

A module `cases_*.py` beside this one has `CASES`, name → function. The harness finds it there and runs each case after
the faults, on the same three brokers, under a topic prefix of its own. A case raises where the product is silently
wrong, or does not end in its sentence.
"""

import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

from driftloop.kafka.settings import KafkaSettings

Case = Callable[[KafkaSettings], None]


def cases() -> Mapping[str, Case]:
    """All there are."""
    modules = sorted(path.stem for path in Path(__file__).parent.glob("cases_*.py"))
    return {name: case for module in modules for name, case in import_module(f"tests.cluster.{module}").CASES.items()}


def wrong_with(case: Case, kafka: KafkaSettings, prefix: str) -> str:
    """What is wrong in a case; empty where it ends as it must."""
    try:
        case(kafka.model_copy(update={"topic_prefix": prefix}))
    except Exception:  # noqa: BLE001  (whatever ends it is what it found)
        return traceback.format_exc()
    return ""
