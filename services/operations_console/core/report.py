"""A report on a model or on the fleet over a span of time: what happened, what it cost, what to do."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from driftloop.statistics.scores import Trend, direction
from operations_console.core.uptime import uptime
from operations_console.core.view.attention import standing
from operations_console.core.view.heads import Block
from operations_console.core.view.model_view import ModelView

MOST_MOVED = 10
BLOCKS_BESIDE = 10
"""Blocks of losses before and after a change that are compared."""


class ReportPart(BaseModel):
    """A part of a report."""

    model_config = ConfigDict(frozen=True, protected_namespaces=(), ser_json_inf_nan="null")


class ChangeReport(ReportPart):
    """Another version came to serve: the mean loss of the blocks before and after."""

    version: str
    instead_of: str | None
    how: str
    at: datetime
    loss_before: float | None
    loss_after: float | None
    reason: str


class Advice(ReportPart):
    """What a person might do, and why."""

    do: str
    why: str


class SegmentReport(ReportPart):
    """A segment of a model as it stands: an agent, a region, whatever its spec cuts rows by."""

    segment: str
    labelled_rows: int
    loss: float | None
    reference: float | None
    alarms: list[str]
    trend: Trend | None = None
    """Of its loss over the newest labelled rows: improving where the loss falls."""
    rating: float | None = None
    rating_trend: Trend | None = None


class ErasedReport(ReportPart):
    """Rows that were erased from the archive by one command."""

    at: datetime
    rows: int
    erasure: str = ""
    """Names the erasure, and none of its rows."""
    versions: list[str] = []
    """Versions that learnt from the rows, or go on from one that did, as far as the log was told."""

    @property
    def words(self) -> str:
        """For a person."""
        who = ", ".join(self.versions)
        return f"{self.rows:,} rows were erased" + (f", from which {who} had learnt" if who else "")


class ModelReport(ReportPart):
    """A model over the span."""

    model_id: str
    health: str
    health_score: float | None
    champion: str | None
    rows: int
    labelled_rows: int
    label_lag_seconds: float | None
    loss: float | None
    reference: float | None
    signals: int
    harmful_signals: int
    decisions: dict[str, int]
    trainings: dict[str, int]
    training_seconds: float
    promotions: int
    roll_backs: int
    false_alarms_declared_per_month: float | None
    false_alarms_achieved_per_month: float | None
    changes: list[ChangeReport]
    recommendations: list[Advice]
    uptime: float | None = None
    """The share of the span in which its outcomes came; None where too little is known."""
    healthy: float | None = None
    """The share of the span in which nothing harmed it."""
    moved: dict[str, float] = {}
    """Columns and segments that the drift which stands comes from, with their share of it, the largest first."""
    segments: list[SegmentReport] = []
    """Where they are asked for: those with an alarm first, then by their loss."""
    erased: list[ErasedReport] = []
    """Erasures of the span that the log was told of, or the archive remembers; the oldest first."""


class Report(ReportPart):
    """Models over a span, as the newest messages of each tell it."""

    since: datetime
    until: datetime
    models: list[ModelReport]

    @property
    def totals(self) -> dict[str, float]:
        """Sums over the models."""
        return {
            "models": float(len(self.models)),
            "harmed": float(sum(one.health == "harmed" for one in self.models)),
            "signals": float(sum(one.signals for one in self.models)),
            "trainings": float(sum(sum(one.trainings.values()) for one in self.models)),
            "training_seconds": sum(one.training_seconds for one in self.models),
            "promotions": float(sum(one.promotions for one in self.models)),
            "roll_backs": float(sum(one.roll_backs for one in self.models)),
        }


def report(models: Collection[ModelView], since: datetime, until: datetime, *, segments: bool = False) -> Report:
    """What became of these models from `since` on, up to `until`; with `segments` if they are asked for."""
    found = [_of_model(model, since, until) for model in models]
    if segments:
        parts = {model.model_id: _segments(model) for model in models}
        found = [one.model_copy(update={"segments": parts[one.model_id]}) for one in found]
    found.sort(key=lambda one: (one.health != "harmed", -len(one.recommendations), one.model_id))
    return Report(since=since, until=until, models=found)


def _of_model(model: ModelView, since: datetime, until: datetime) -> ModelReport:
    at, whole = standing(model), model.whole
    metrics = whole.metrics if whole else {}
    signals = [one.head for one in model.signals if since <= one.head.occurred_at <= until]
    decisions = Counter(one.head.action for one in model.decisions if since <= one.head.occurred_at <= until)
    results = [run.result for run in model.runs.values() if run.result and since <= run.result.occurred_at <= until]
    events = Counter(one.head.event for one in model.events if since <= one.head.occurred_at <= until)
    up = uptime(model, since, until)
    return ModelReport(
        uptime=up.outcomes,
        healthy=up.healthy,
        model_id=model.model_id,
        health=at.health,
        health_score=metrics.get("health_score"),
        champion=model.champion,
        rows=whole.rows if whole else 0,
        labelled_rows=whole.labelled_rows if whole else 0,
        label_lag_seconds=metrics.get("label_lag_seconds"),
        loss=at.loss,
        reference=at.reference,
        signals=len(signals),
        harmful_signals=sum(one.harmful for one in signals),
        decisions=dict(sorted(decisions.items())),
        trainings=dict(Counter(one.status for one in results)),
        training_seconds=round(sum(one.cost.seconds for one in results if one.cost), 3),
        promotions=events["promoted"],
        roll_backs=events["rolled_back"],
        false_alarms_declared_per_month=metrics.get("false_alarms_declared_per_month"),
        false_alarms_achieved_per_month=metrics.get("false_alarms_achieved_per_month"),
        changes=list(_changes(model, since, until)),
        recommendations=list(_advice(model, until)),
        moved=_moved(whole.attribution if whole else {}),
        erased=_erased(model, since, until),
    )


def _erased(model: ModelView, since: datetime, until: datetime) -> list[ErasedReport]:
    return [
        ErasedReport(at=one.occurred_at, rows=one.rows, erasure=one.erasure, versions=list(one.versions))
        for one in model.erased()
        if since <= one.occurred_at <= until
    ]


def _moved(attribution: Mapping[str, float | None]) -> dict[str, float]:
    known = [(name, share) for name, share in attribution.items() if share is not None]
    return dict(sorted(known, key=lambda pair: -pair[1])[:MOST_MOVED])


def _segments(model: ModelView) -> list[SegmentReport]:
    found = [
        SegmentReport(
            segment=name,
            labelled_rows=head.labelled_rows,
            loss=head.metrics.get("loss"),
            reference=head.metrics.get("loss_reference"),
            alarms=list(head.active_signals),
            trend=_direction(head.metrics, "loss_trend", rising_is_good=False),
            rating=head.metrics.get("rating"),
            rating_trend=_direction(head.metrics, "rating_trend", rising_is_good=True),
        )
        for name, head in model.statuses.items()
        if name
    ]
    return sorted(found, key=lambda one: (not one.alarms, -(one.loss or 0.0), one.segment))


def _direction(metrics: Mapping[str, float | None], name: str, *, rising_is_good: bool) -> Trend | None:
    slope, error = metrics.get(name), metrics.get(f"{name}_error")
    return None if slope is None or error is None else direction(slope, error, rising_is_good=rising_is_good)


def _changes(model: ModelView, since: datetime, until: datetime) -> Iterable[ChangeReport]:
    blocks = model.losses()
    for entry in model.events:
        event = entry.head
        if event.event not in ("promoted", "rolled_back") or not since <= event.occurred_at <= until:
            continue
        mine = [index for index, block in enumerate(blocks) if block.model_version == event.version]
        after = [index for index in mine if blocks[index].last_at >= event.occurred_at]
        first = after[0] if after else len(blocks)
        yield ChangeReport(
            version=event.version or "",
            instead_of=event.previous_version,
            how=event.event.replace("_", " "),
            at=event.occurred_at,
            loss_before=_mean(blocks[max(0, first - BLOCKS_BESIDE) : first]) if event.previous_version else None,
            loss_after=_mean([blocks[index] for index in after[:BLOCKS_BESIDE]]),
            reason=event.reason,
        )


def _mean(blocks: Sequence[Block]) -> float | None:
    known = [block.loss for block in blocks if block.loss is not None]
    return sum(known) / len(known) if known else None


def _advice(model: ModelView, now: datetime) -> Iterable[Advice]:
    at, whole = standing(model), model.whole
    name, metrics = model.model_id, whole.metrics if whole else {}
    for waits in at.waits:
        yield Advice(do=f"driftloop approve {name}, or veto {name}", why=waits.reason)
    if at.failed_run:
        failed = model.recent_runs()[0].result
        yield Advice(do=f"driftloop retrain {name}", why=f"the last run failed: {failed.failure if failed else ''}")
    if at.health == "harmed" and not at.waits and model.frozen is None and not _in_training(model):
        yield Advice(do=f"driftloop status {name}", why="it is harmed, and neither a run nor a challenge is under way")
    if model.frozen is not None:
        yield Advice(do=f"driftloop unfreeze {name}", why=f"it is frozen: {model.frozen}")
    declared = metrics.get("false_alarms_declared_per_month")
    achieved = metrics.get("false_alarms_achieved_per_month")
    if declared is not None and achieved is not None and achieved > 2 * declared:
        yield Advice(
            do="look at detection.false_alarms_per_month, and at seasons of its columns",
            why=f"{achieved:.3g} false alarms a month came about, {declared:.3g} are declared",
        )
    if whole is not None and now - whole.as_of > timedelta(days=1):
        yield Advice(do="look at its producers", why=f"no row has come since {whole.as_of:%Y-%m-%d %H:%M} UTC")


def _in_training(model: ModelView) -> bool:
    under_way = any(run.status in ("asked", "running") for run in model.runs.values())
    return under_way or any(one.status == "challenger" for one in model.versions.values())


_COLUMNS = (
    "model", "health", "uptime", "healthy", "champion", "loss", "reference", "signals (harmful)", "trainings",
    "promotions", "roll-backs",
)  # fmt: skip


def markdown(told: Report) -> str:
    """The report as Markdown."""
    totals = told.totals
    sums = (
        f"{totals['models']:.0f} models, {totals['harmed']:.0f} harmed now; {totals['signals']:.0f} signals, "
        f"{totals['trainings']:.0f} trainings ({totals['training_seconds']:.0f} s), "
        f"{totals['promotions']:.0f} promotions, {totals['roll_backs']:.0f} roll-backs."
    )
    lines = [
        f"# driftloop, {told.since:%Y-%m-%d %H:%M} to {told.until:%Y-%m-%d %H:%M} UTC",
        "",
        sums,
        "",
        f"| {' | '.join(_COLUMNS)} |",
        f"|{'---|' * len(_COLUMNS)}",
    ]
    for one in told.models:
        cells = (
            one.model_id, one.health, percent(one.uptime), percent(one.healthy), one.champion or "–",
            _figure(one.loss), _figure(one.reference),
            f"{one.signals} ({one.harmful_signals})", sum(one.trainings.values()), one.promotions, one.roll_backs,
        )  # fmt: skip
        lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    for one in told.models:
        lines += _model_lines(one)
    return "\n".join(lines) + "\n"


def _model_lines(one: ModelReport) -> list[str]:
    if not (one.changes or one.recommendations or one.moved or one.segments or one.erased):
        return []
    lines = ["", f"## {one.model_id}", ""]
    for change in one.changes:
        losses = f"loss {_figure(change.loss_before)} before, {_figure(change.loss_after)} after"
        instead = f" instead of {change.instead_of}" if change.instead_of else ""
        lines.append(f"- {change.at:%Y-%m-%d %H:%M}: {change.version} {change.how}{instead}: {losses}. {change.reason}")
    lines += [f"- To do: `{advice.do}`: {advice.why}." for advice in one.recommendations]
    lines += [
        f"- {erased.at:%Y-%m-%d %H:%M}: {erased.words}. `driftloop models show {one.model_id}` says "
        "what the champion learnt from them."
        for erased in one.erased
    ]
    if one.moved:
        lines.append("- Moved: " + ", ".join(f"{name} {share:.2f}" for name, share in one.moved.items()) + ".")
    if one.segments:
        lines += ["", "| segment | labelled rows | loss | reference | trend | rating | its trend | alarms |"]
        lines += ["|---|---|---|---|---|---|---|---|"]
    for part in one.segments:
        cells = (
            part.segment, part.labelled_rows, _figure(part.loss), _figure(part.reference), part.trend or "–",
            _figure(part.rating), part.rating_trend or "–", ", ".join(part.alarms),
        )  # fmt: skip
        lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return lines


def percent(share: float | None) -> str:
    """A share for a person.

    >>> percent(0.99912), percent(1.0), percent(None)
    ('99.91 %', '100 %', '–')
    """
    return "–" if share is None else f"{100 * share:.2f}".rstrip("0").rstrip(".") + " %"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def span_of(text: str) -> timedelta:
    """A span as people write it; raises ValueError.

    >>> span_of("7d"), span_of("12h")
    (datetime.timedelta(days=7), datetime.timedelta(seconds=43200))
    """
    unit = _UNITS.get(text[-1:])
    if unit is None or not text[:-1].isascii() or not text[:-1].isdigit() or not 0 < int(text[:-1]) <= 10_000:
        raise ValueError(f"{text!r} is no span of time: write 12h, 7d or 4w")
    return unit * int(text[:-1])
