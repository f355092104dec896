"""The growth of costs as tables and as a picture."""

from collections.abc import Mapping
from typing import Any

from driftloop.tools.bench.pictures import Line, growth_lines
from driftloop.tools.bench.tables import cell, table

FLEET = "detection, models in one process"
_PANELS = ("detection", "ingestion")
_OTHERS = "coordinator and readers"

Result = Mapping[str, Any]


def scale_table(result: Result) -> str:
    """Each axis with its exponents, a sentence for each that is superlinear, and a fleet in one process."""
    head = [
        "more of",
        "sizes",
        "CPU time of",
        "at the least and at the most",
        "exponent",
        "over the last decade",
        "memory",
    ]
    rows = [_row(name, one) for name, one in result["axes"].items()]
    return "\n\n".join([table(head, rows), "\n".join(sentences(result)), *_fleet(result)])


def _row(name: str, one: Result) -> list[Any]:
    points, cpu = one["points"], one["cpu"]
    ends = [points[0], points[-1]]
    return [
        name,
        " … ".join(f"{point['size']:,}" for point in ends),
        one["of"],
        " … ".join(_time(point["cpu_s"]) for point in ends),
        None if cpu is None else f"{cpu['exponent']:.2f} ± {cpu['spread']:.2f}",
        None if cpu is None else f"{cpu['last_decade']:.2f}",
        _memory(one),
    ]


def _memory(one: Result) -> str:
    most = one["points"][-1]["memory_mb"]
    if most < 1.0:
        return "–"
    grows = "" if one["memory"] is None else f", exponent {one['memory']['exponent']:.2f}"
    return f"{cell(float(most))} MB{grows}"


def _time(seconds: float) -> str:
    """Seconds as a person reads them.

    >>> _time(0.000123), _time(0.0123), _time(2.5)
    ('0.12 ms', '12 ms', '2.5 s')
    """
    return (
        f"{seconds:,.2g} s"
        if seconds >= 1
        else f"{seconds * 1e3:.0f} ms"
        if seconds >= 0.01
        else f"{seconds * 1e3:.2g} ms"
    )


def sentences(result: Result) -> list[str]:
    """What grows faster than the more that there is of it; that nothing does, where nothing does."""
    found = [
        f"**Superlinear** in {name}: {what} with an exponent of {one[kind]['exponent']:.2f}, "
        f"{one[kind]['last_decade']:.2f} over the last decade."
        for name, one in result["axes"].items()
        for kind, what in (("cpu", "CPU time"), ("memory", "memory"))
        if one[kind] is not None and one[kind]["superlinear"]
    ]
    return found or ["No exponent is above 1.1, neither over all sizes nor over the last decade."]


def _fleet(result: Result) -> list[str]:
    """What a model of a fleet takes, and how quick its frames are."""
    one = result["axes"].get(FLEET)
    if one is None:
        return []
    rows = [
        [
            f"{point['size']:,}",
            f"{point['memory_mb'] * 1024 / point['size']:.0f} kB",
            f"{500 / point['cpu_s'] / 1e3:.0f} k",
        ]
        for point in one["points"]
    ]
    return [table(["models in one process of detection", "memory a model", "rows per CPU-second, frames of 500"], rows)]


def scale_picture(result: Result) -> str:
    """An SVG: the CPU time of each axis beside that at its least size, by how many times more there is."""
    panels: dict[str, list[Line]] = {}
    for name, one in result["axes"].items():
        part, _, more = name.partition(", ")
        points, least = one["points"], one["points"][0]
        growing = [(point["size"] / least["size"], point["cpu_s"] / least["cpu_s"]) for point in points]
        panel, label = (part, more) if part in _PANELS else (_OTHERS, name)
        panels.setdefault(panel, []).append(Line(label, growing))
    return growth_lines(panels, x_label="times more of it", y_label="times the CPU time")
