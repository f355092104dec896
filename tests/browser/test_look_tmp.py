import pytest
from tests.browser import test_console as t
from tests.browser.test_console import serve, browser, open_page
from tests.unit.operations_console.conftest import RUN, story

VIEWS = {
    "fleet": "/",
    "model": "/models/plant",
    "version": "/models/plant/versions/1.0.1",
    "runs": "/runs",
    "run": f"/runs/{RUN}",
    "letters": "/dead-letters",
    "letter": "/dead-letters/0:1",
}


def test_shots(serve, open_page):
    served = serve([*t.fleet_story(), *story()], open_access=True)
    for name, path in VIEWS.items():
        for size, sn in ((t.DESK, "wide"), (t.PHONE, "phone")):
            for dark in (False, True):
                page = open_page(served, path, size=size, dark=dark)
                page.screenshot(path=f"/tmp/shots/{name}-{sn}-{'dark' if dark else 'light'}.png", full_page=True)
                page.close()
