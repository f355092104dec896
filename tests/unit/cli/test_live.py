from io import StringIO

from rich.console import Console

from driftloop.tools.cli.live import LiveAudience, sparkline


def test_plain_lines_when_nobody_watches():
    out = StringIO()
    with LiveAudience(Console(file=out, width=100), 1000, error_word="error rate") as audience:
        audience.stage("Streaming.")
        for start in range(0, 1000, 25):
            audience.block(slice(start, start + 25), "1.0.0", 0.25, 0.5)
    lines = out.getvalue().splitlines()
    assert lines[0] == "Streaming."
    assert lines[-1].endswith("error rate 0.25, first model 0.5, champion 1.0.0")
    assert "\x1b" not in out.getvalue()


def test_a_live_picture_on_a_terminal():
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=100)
    with LiveAudience(console, 1000, error_word="error rate") as audience:
        audience.block(slice(0, 250), "1.0.3", 0.25, 0.5)
    assert "1.0.3" in out.getvalue()


def test_a_curve_of_nothing_is_empty():
    assert sparkline([]) == ""
    assert sparkline([0.0, 0.0]) == "▁▁"
