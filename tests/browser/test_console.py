"""The console's pages in a real Chromium: every view, live, by keyboard, on a phone, in the dark, with axe.

With DRIFTLOOP_SCREENSHOTS=docs/images the pictures of the documentation are made anew.
"""

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.operations_console.conftest import (
    RUN,
    SPEC,
    START,
    TOKENS,
    Served,
    Story,
    decision,
    envelope,
    event,
    serve,
    signal,
    status,
    story,
)

from driftloop.contracts import topics
from driftloop.contracts.model_specs import ModelSpecPublished
from driftloop.contracts.retrain_decisions import RetrainDecision
from driftloop.contracts.training_progress import TrainingProgress
from driftloop.spec.model_spec import ModelSpec

__all__ = ["serve"]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is missing: install Debian's package chromium"),
]
Serve = Callable[..., Served]
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1120, "height": 640}
NAMES = ("pricing", "churn", "fraud-eu", "fraud-us", "demand-north", "granulation", "routing", "search-rank", "spam")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open pages; anything that a page asks of another address, or that its script throws, fails the test."""
    contexts, wrong = [], []

    def opened(served: Served, path: str = "/", *, size: Any = DESK, dark: bool = False) -> Any:
        context = browser.new_context(viewport=size, color_scheme="dark" if dark else "light")
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda asked: asked.url.startswith(served.address) or wrong.append(asked.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(served.address + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def fleet_story() -> Story:
    """Nine models, as a fleet stands on some morning."""
    found: Story = [*story("fraud-eu"), *story("pricing")]
    choose = random.Random(7)
    for number in range(3, 30):
        harmed = ("error:mixture-cusum",) if number >= 20 else ()
        loss = (0.27 if harmed else 0.1) + choose.gauss(0, 0.015)
        found.append((topics.DRIFT_STATUS, status("pricing", number, loss, active=harmed)))
    for name in NAMES:
        if name in ("pricing", "fraud-eu"):
            continue
        spec = ModelSpec.model_validate({**SPEC, "model_id": name})
        found.append((topics.MODEL_SPECS, ModelSpecPublished(**envelope(name, "spec", 0), spec_version=1, spec=spec)))
        found.append((topics.MODEL_EVENTS, event(name, 2, "promoted", "1.0.0")))
        active = {"churn": ("feature.tenure",), "routing": ("error:mixture-cusum",)}.get(name, ())
        for number in range(3, 60):
            loss = 0.1 + choose.gauss(0, 0.008) + (0.09 if name == "routing" and number > 45 else 0.0)
            found.append((topics.DRIFT_STATUS, status(name, number, loss, active=active)))
    return found


def picture(page: Any, name: str) -> None:
    folder = os.environ.get("DRIFTLOOP_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{folder}/{name}.png")


VIEWS = {
    "fleet": "/", "model": "/models/pricing", "version": "/models/pricing/versions/1.0.1", "runs": "/runs",
    "dead-letters": "/dead-letters", "dead-letter": "/dead-letters/0:1",
}  # fmt: skip


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_view_is_accessible(serve: Serve, open_page: Any, view: str, dark: bool):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = open_page(serve(fleet_story(), open_access=True), VIEWS[view], dark=dark)
    found = axe.run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]})
    assert found.violations_count == 0, found.generate_report()
    if not dark:
        picture(page, f"console-{view}")
    elif view == "model":
        picture(page, "console-model-dark")


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_fits_a_phone(serve: Serve, open_page: Any, view: str):
    page = open_page(serve(fleet_story(), open_access=True), VIEWS[view], size=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    if view == "fleet":
        picture(page, "console-phone")


def test_a_change_appears_without_a_reload(serve: Serve, open_page: Any):
    served = serve(fleet_story(), open_access=True)
    page = open_page(served)
    page.wait_for_selector("#live:text-is('Live')")
    served.say(topics.DRIFT_STATUS, status("spam", 70, 0.55, active=("error:mixture-cusum",)))
    page.wait_for_selector("#m-spam .health.harmed", timeout=5000)
    assert "0.55" in page.inner_text("#m-spam")


def test_a_run_is_seen_to_get_on(serve: Serve, open_page: Any):
    served = serve(open_access=True)
    page = open_page(served, "/models/plant")
    page.wait_for_selector("#live:text-is('Live')")
    other = RUN.hex[:8]
    run = envelope("plant", "run", 9)["message_id"]
    served.say(
        topics.TRAINING_PROGRESS,
        TrainingProgress(**envelope("plant", "progress", 90), run_id=run, step=1, steps=4, seconds_left=30.0),
    )
    page.wait_for_selector("progress[value='0.250']", timeout=5000)
    assert other in page.content()


def test_an_approval_is_given_by_keyboard_and_answered(serve: Serve, open_page: Any):
    served = serve(fleet_story(), open_access=True)

    def answered(command: Any) -> RetrainDecision:
        return decision("pricing", 80, "promote", "approval", f"approved by {command.requested_by}: {command.reason}",
                        candidate="1.0.1", caused_by=(command.message_id,))  # fmt: skip

    served.port.answer = answered
    page = open_page(served, "/")
    page.click("#m-pricing .ask")
    page.wait_for_selector("#waits")
    page.wait_for_load_state()  # a browser that goes to a fragment when the page is loaded takes the focus away
    page.focus("[aria-label='Reason to approve']")
    page.keyboard.type("checked by hand")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector(".note[role=status]")
    assert "checked by hand" in page.inner_text(".note[role=status]")
    (command,) = served.commands()
    assert (command.command, command.version, command.reason) == ("approve", "1.0.1", "checked by hand")


def test_what_a_person_types_is_not_lost_to_a_change(serve: Serve, open_page: Any):
    served = serve(open_access=True)
    page = open_page(served, "/models/plant")
    page.wait_for_selector("#live:text-is('Live')")
    page.fill("[aria-label='Reason to veto']", "half a sen")
    served.say(topics.DRIFT_SIGNALS, signal("plant", 60))
    page.wait_for_timeout(1200)
    assert page.input_value("[aria-label='Reason to veto']") == "half a sen"


def test_a_change_on_its_way_takes_neither_the_text_nor_the_place(serve: Serve, open_page: Any):
    served = serve(fleet_story(), open_access=True)
    page = open_page(served, "/models/pricing")
    page.wait_for_selector("#live:text-is('Live')")
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route("**/models/pricing", hold)
    with page.expect_request("**/models/pricing"):
        served.say(topics.DRIFT_SIGNALS, signal("pricing", 60))
    page.focus("[aria-label='Reason to approve']")
    page.keyboard.type("checked by hand")
    page.keyboard.press("Tab")  # on the button, nothing is being typed any more
    signals = page.locator("details[id^='s-']").count()
    held[0].continue_()
    page.locator("details[id^='s-']").nth(signals).wait_for(state="attached")
    assert page.input_value("[aria-label='Reason to approve']") == "checked by hand"
    assert page.evaluate("document.activeElement.textContent") == "Approve"


def test_an_expired_log_in_leads_to_the_way_in_and_back(serve: Serve, open_page: Any):
    now = [START]
    served = serve(clock=lambda: now[0])
    page = open_page(served, "/models/plant")
    assert "/login" in page.url
    picture(page, "console-login")
    page.fill("#token", TOKENS["approver"])
    page.keyboard.press("Enter")
    page.wait_for_selector(".health.harmed")
    now[0] += timedelta(hours=13)
    page.reload()
    page.wait_for_url("**/login?to=/models/plant")


def test_a_thousand_models_are_shown_and_filtered_without_a_stutter(serve: Serve, open_page: Any):
    told: Story = []
    for number in range(1000):
        told += [(topics.MODEL_EVENTS, event(f"model-{number:04}", 2, "promoted", "1.0.0"))]
        told += [(topics.DRIFT_STATUS, status(f"model-{number:04}", 3, 0.1))]
    served = serve(told, open_access=True)
    began = time.monotonic()
    page = open_page(served)
    assert page.locator("#fleet tbody tr").count() == 1000
    assert time.monotonic() - began < 10
    page.wait_for_selector("#live:text-is('Live')")
    page.evaluate("""() => { window.longest = 0; new PerformanceObserver(list => {
        for (const one of list.getEntries()) window.longest = Math.max(window.longest, one.duration);
    }).observe({type: 'longtask'}); }""")
    for number in range(30):
        served.say(topics.DRIFT_STATUS, status(f"model-{number:04}", 9, 0.4, active=("error:mixture-cusum",)))
    page.wait_for_selector("#m-model-0029 .health.harmed", timeout=10_000)
    page.fill("#filter", "0029")
    assert page.locator("#fleet tbody tr:visible").count() == 1
    assert page.evaluate("window.longest") < 1000  # of a shared machine; 100 ms on one of one's own
