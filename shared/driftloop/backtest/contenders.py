"""The policies of a backtest by name."""

from collections.abc import Callable
from dataclasses import dataclass

from driftloop.backtest.moment import Policy
from driftloop.backtest.pays import Pays, rule_for
from driftloop.backtest.policies import ErrorDebt, EveryAlarm, EveryBlock, Never
from driftloop.backtest.probes import Probes
from driftloop.backtest.table import LossTable


@dataclass(frozen=True, slots=True)
class Contender:
    """Makes a fresh policy for a run. `knows_price`: it decides otherwise at another price."""

    name: str
    make: Callable[[], Policy]
    knows_price: bool = False


def contenders(table: LossTable, probes: Probes) -> tuple[Contender, ...]:
    """Every policy that can be named, with the middle window where a policy cannot choose its own."""
    window = table.layout.windows[len(table.layout.windows) // 2]
    rule = rule_for(table.layout)
    return (
        Contender("default", lambda: Pays(rule, probes), knows_price=True),
        Contender("default-auto-price", lambda: Pays(rule, probes, priced=False)),
        Contender("never", Never),
        Contender("every-block", lambda: EveryBlock(window)),
        Contender("adwin", lambda: EveryAlarm(window)),
        Contender("adwin-one-sided", lambda: EveryAlarm(window, one_sided=True, wait=window // 2)),
        Contender("error-debt", lambda: ErrorDebt(window), knows_price=True),
    )
