"""`driftloop status MODEL`: one model in full, for a person."""

from typing import TYPE_CHECKING, Any

from driftloop.counted import counted
from driftloop.tools.cli.status_words import duration, further, sentences, worth_showing
from driftloop.tools.cli.waits_shown import wait_words

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from driftloop.contracts.drift_signals import DriftSignal
    from driftloop.contracts.drift_status import DriftStatus
    from driftloop.contracts.retrain_decisions import RetrainDecision

SEGMENTS_SHOWN = 20


def print_model(
    facts: dict[str, Any],
    newest: "dict[str, DriftStatus]",
    signals: "list[DriftSignal]",
    decisions: "list[RetrainDecision]",
) -> None:
    """Print the champion, what the status says, segments, metrics, tests, signals and decisions."""
    from rich.console import Console

    console = Console(highlight=False)
    as_of = f", as of {facts['as_of'][:19]}" if facts["as_of"] else ""
    console.print(f"[bold]{facts['model']}[/]  champion {facts['champion'] or 'none'}{as_of}")
    counts = f"{', '.join(counted(facts[f'{one}s'], one) for one in ('run', 'promotion', 'signal'))} so far"
    waits = wait_words(facts.get("waits", {})) or ["nothing"]
    console.print(_side_by_side({"history": counts, "waiting": "\n".join(waits)}))
    whole = newest.get("")
    if whole is None:
        console.print("\nDetection has not seen a row of it yet.")
    else:
        console.print(_side_by_side(sentences(whole)))
        _print_segments(console, {name: one for name, one in newest.items() if name})
        _print_figures(console, whole)
    _print_log(console, signals, decisions)


def _print_segments(console: "Console", segments: "dict[str, DriftStatus]") -> None:
    if not segments:
        return
    table = _table("segment", "labelled rows", "loss", "reference", "stands")
    worst = sorted(segments.items(), key=lambda entry: (-entry[1].metrics.get("loss_rise", 0.0), entry[0]))
    for name, one in worst[:SEGMENTS_SHOWN]:
        loss, reference = one.metrics.get("loss"), one.metrics.get("loss_reference")
        figures = ("–" if loss is None else f"{loss:.4g}", "–" if reference is None else f"{reference:.4g}")
        table.add_row(name, f"{one.labelled_rows:,}", *figures, ", ".join(one.active_signals))
    console.print()
    console.print(table)
    if len(worst) > SEGMENTS_SHOWN:
        console.print(f"and {len(worst) - SEGMENTS_SHOWN} segments that stand better")


def _print_figures(console: "Console", whole: "DriftStatus") -> None:
    metrics = further(whole.metrics)
    if metrics:
        console.print("\n[bold]metrics of the newest rows[/]")
        named = [f"{name} {value:.4g}" for name, value in sorted(metrics.items())]
        console.print("  " + " · ".join(named), markup=False)
    shown = worth_showing(whole.tests)
    if not shown:
        return
    table = _table("test", "of", "now", "limit", "rows", "")
    for test in shown:
        alarm = "[yellow]alarm[/]" if test.alarmed else ""
        figures = (f"{test.statistic:.3g}", f"{test.threshold:.3g}", f"{test.rows:,}")
        table.add_row(test.name, test.subject or "losses", *figures, alarm)
    console.print()
    console.print(table)
    if len(whole.tests) > len(shown):
        console.print(f"and {len(whole.tests) - len(shown)} below half of their limit")


def _print_log(console: "Console", signals: "list[DriftSignal]", decisions: "list[RetrainDecision]") -> None:
    console.print("\n[bold]last signals[/]")
    for signal in signals:
        kind, lag = "harm" if signal.harmful else "warning", signal.label_lag_seconds
        late = f"; its label came {duration(lag)} late" if lag else ""
        console.print(f"  row {signal.raised.row:,}  {kind}: {signal.explanation}{late}", markup=False)
    if not signals:
        console.print("  none")
    console.print("\n[bold]last decisions[/]")
    if not decisions:
        console.print("  none")
    for decision in decisions:
        row = "" if decision.row is None else f"row {decision.row:,}  "
        console.print(f"  {row}{decision.action.replace('_', ' ')}: {decision.reason}", markup=False)


def _side_by_side(words: dict[str, str]) -> "Table":
    """Labels and sentences; a long sentence goes on below itself."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right", min_width=14)
    grid.add_column()
    for label, sentence in words.items():
        grid.add_row(Text(label, style="dim"), Text(sentence))
    return grid


def _table(*heads: str) -> "Table":
    from rich.table import Table

    return Table(*heads, box=None, pad_edge=False)
