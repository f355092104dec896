import xml.etree.ElementTree as ET

import numpy as np
import pytest

from driftloop.axis import ticks
from driftloop.tools.reports.chart import Line, Mark, Span, line_chart
from driftloop.tools.reports.page import Listing, Page, Picture, page_html

ROWS = np.arange(5000.0)


def picture():
    lines = [Line("<live>", "live", ROWS, np.sqrt(ROWS)), Line("first", "frozen", ROWS, ROWS / 10)]
    marks = [Mark(100, "signal", "drift & more"), Mark(9000, "promotion", "outside")]
    return line_chart(lines, marks, x_label="row", y_label="error", spans=[Span(10, 40, "fouling")])


def test_a_picture_is_well_formed_and_small():
    svg = ET.fromstring(picture())
    assert len(svg.findall("polyline")) == 2
    assert len(picture()) < 60_000


def test_marks_outside_of_the_rows_are_not_drawn():
    assert picture().count('class="mark') == 1


@pytest.mark.parametrize(("low", "high"), [(0, 0.013), (0, 1), (-3, 250_000), (5, 5)])
def test_ticks_lie_inside_and_are_few(low, high):
    found = ticks(low, high)
    assert 1 <= len(found) <= 8
    assert all(low <= tick <= high for tick in found)


def test_a_picture_of_nothing_but_zeros_can_be_drawn():
    ET.fromstring(line_chart([Line("live", "live", ROWS, ROWS * 0)], [], x_label="row", y_label="error"))


def test_a_page_needs_nothing_from_elsewhere_and_escapes_what_it_is_given():
    page = Page(
        "Report <b>",
        ["A & B"],
        [("1", "<script>")],
        [Picture("Error", picture(), "caption", [("live", "champion")])],
        [Listing("Decisions", ("row",), [("<1>",)]), Listing("Signals", ("row",), [])],
    )
    html = page_html(page)
    assert "http" not in html
    assert "<script" not in html
    assert "&lt;1&gt;" in html
    assert "None." in html
