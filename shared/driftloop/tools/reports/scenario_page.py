"""The page of a scenario: what was to be shown, what was seen, and the error over the rows."""

from driftloop.tools.replay.result import ReplayResult
from driftloop.tools.reports.chart import Span
from driftloop.tools.reports.page import Listing, Page
from driftloop.tools.reports.replay_page import error_picture, listings
from driftloop.tools.simulation.scenario import Scenario


def scenario_page(scenario: Scenario, result: ReplayResult) -> Page:
    """The report of a scenario that was played."""
    spans = tuple(Span(change.first, change.last, change.words) for change in scenario.changes)
    claims = scenario.claims(result)
    rows = [
        (name.replace("_", " "), claim.wanted, str(claim.seen), "yes" if claim.holds else "no")
        for name, claim in claims.items()
    ]
    return Page(
        title=scenario.title,
        sentences=scenario.story(result),
        cards=[
            (f"{sum(claim.holds for claim in claims.values())} of {len(claims)}", "claims hold"),
            (str(len(result.played.journal.retrain_results)), "retrainings"),
            (str(len(result.played.journal.events_of("promoted"))), "promotions"),
            (str(len(result.played.journal.events_of("rolled_back"))), "roll-backs"),
        ],
        pictures=[error_picture(result, spans)],
        listings=[Listing("What it has to show", ("claim", "wanted", "seen", "holds"), rows), *listings(result)],
        foot=f"Apache Kafka {result.broker.version or ''}; every figure comes from messages on its topics.",
    )
