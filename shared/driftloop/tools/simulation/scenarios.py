"""The scenarios that there are, by name; each is made anew for one demonstration."""

from collections.abc import Callable, Mapping

from driftloop.errors import ExitCode, UserError
from driftloop.tools.simulation.agents import AgentsScenario
from driftloop.tools.simulation.demo import PlantScenario
from driftloop.tools.simulation.document_reading import DocumentsScenario
from driftloop.tools.simulation.feedback import FeedbackScenario
from driftloop.tools.simulation.scenario import Scenario
from driftloop.tools.simulation.server_metrics import ServerMetricsScenario

SCENARIOS: Mapping[str, Callable[[], Scenario]] = {
    "plant": PlantScenario,
    "agents": AgentsScenario,
    "feedback": FeedbackScenario,
    "documents": DocumentsScenario,
    "server-metrics": ServerMetricsScenario,
}


def scenario(name: str) -> Scenario:
    """A fresh scenario of that name; raises UserError where there is none.

    >>> scenario("plant").name
    'plant'
    """
    if name not in SCENARIOS:
        raise UserError(f"There is no scenario {name}; the scenarios are {', '.join(SCENARIOS)}.", ExitCode.USAGE)
    try:
        return SCENARIOS[name]()
    except ValueError as error:
        raise UserError(f"The scenario {name} cannot be played: {error}.", ExitCode.USAGE) from error
