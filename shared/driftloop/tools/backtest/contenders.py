"""The policies of a backtest by name."""

from collections.abc import Callable
from dataclasses import dataclass

from driftloop.spec.policy import preset_names
from driftloop.tools.backtest.moment import Policy
from driftloop.tools.backtest.pays import Pays, rule_for
from driftloop.tools.backtest.policies import ErrorDebt, EveryAlarm, EveryBlock, Never
from driftloop.tools.backtest.probes import Probes
from driftloop.tools.backtest.simulate import Run, simulate
from driftloop.tools.backtest.table import LossTable

SERVED = "-served"
"""What the name of a preset ends with that is tried in the services' own cores."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A way to decide. `run` gives what came of it at a price of a training, in units of loss.

    `knows_price`: it decides otherwise at another price. `served`: it goes through the services' own
    cores (held-out rows, proof, probation), which takes longer, and runs only where it is named or asked for.
    `probed`: it looks at probes.
    """

    name: str
    run: Callable[[float], Run]
    knows_price: bool = False
    served: bool = False
    probed: bool = False


def contenders(table: LossTable, probes: Probes) -> tuple[Contender, ...]:
    """Every policy that can be named, with the middle window where a policy cannot choose its own."""
    window = table.layout.windows[len(table.layout.windows) // 2]
    rule = rule_for(table.layout)

    def simulated(name: str, make: Callable[[], Policy], **about: bool) -> Contender:
        return Contender(name, lambda price: simulate(table, make(), price), **about)

    return (
        simulated("default", lambda: Pays(rule, probes), knows_price=True, probed=True),
        simulated("default-auto-price", lambda: Pays(rule, probes, priced=False), probed=True),
        simulated("never", Never),
        simulated("every-block", lambda: EveryBlock(window)),
        simulated("adwin", lambda: EveryAlarm(window)),
        simulated("adwin-one-sided", lambda: EveryAlarm(window, one_sided=True, wait=window // 2)),
        simulated("error-debt", lambda: ErrorDebt(window), knows_price=True),
        *(_served(table, name) for name in preset_names()),
    )


def _served(table: LossTable, preset: str) -> Contender:
    def run(_price: float) -> Run:
        from driftloop.tools.backtest.served import run_served  # the loop's services are seldom tried

        return run_served(table, preset)

    return Contender(preset + SERVED, run, served=True)
