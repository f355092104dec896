"""Reports: what they count, what they advise, and one for each slot of a schedule."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from driftloop.contracts import topics
from driftloop.testing.records import FakeRecord
from operations_console.adapters.reports import ScheduledReports, html, report_text
from operations_console.core.report import Report, report, span_of
from operations_console.core.schedule import last_slot
from operations_console.core.view.fleet import FleetView
from operations_console.settings import Settings

from .conftest import START, Story, event, status, story

UNTIL = START + timedelta(hours=1)


def viewed(messages: Story) -> FleetView:
    view = FleetView()
    for offset, (topic, message) in enumerate(messages):
        view.take(FakeRecord(topic, key=message.model_id, value=message.to_json(), at_offset=offset))
    return view


def told(messages: Story, hours: float = 1.0) -> Report:
    return report(viewed(messages).models.values(), UNTIL - timedelta(hours=hours), UNTIL)


def test_a_report_counts_what_happened_in_its_span():
    (model,) = told(story()).models
    assert (model.signals, model.harmful_signals, model.promotions) == (1, 1, 1)
    assert (model.trainings, model.training_seconds) == ({"succeeded": 1}, 3.5)
    assert model.decisions == {"refuse": 1, "retrain": 1, "wait": 1}
    (later,) = told(story(), hours=0.5).models
    assert (later.signals, later.promotions) == (0, 0)


def test_a_change_has_its_loss_before_and_after():
    after = [status("plant", number, 0.05) for number in range(40, 50)]
    served = [
        one.model_copy(update={"loss_blocks": (one.loss_blocks[0].model_copy(update={"model_version": "1.0.1"}),)})
        for one in after
    ]
    promoted = event("plant", 40, "promoted", "1.0.1", previous_version="1.0.0")
    more = [(topics.MODEL_EVENTS, promoted), *((topics.DRIFT_STATUS, one) for one in served)]
    (model,) = told([*story(), *more]).models
    change = model.changes[-1]
    assert change.loss_before is not None
    assert change.loss_after is not None
    assert (change.version, round(change.loss_before, 3), round(change.loss_after, 3)) == ("1.0.1", 0.3, 0.05)


def test_it_says_what_a_person_might_do():
    (model,) = told(story()).models
    assert [advice.do for advice in model.recommendations] == ["driftloop approve plant, or veto plant"]


@pytest.mark.parametrize("form", ["html", "markdown", "json"])
def test_every_form_names_the_model(form: str):
    assert "plant" in report_text(told(story()), form)


def test_the_page_opens_without_a_network():
    assert "http" not in html(told(story())).replace("http-equiv", "")


def test_a_report_names_what_moved_and_the_segments_that_are_asked_for():
    models = viewed(story()).models.values()
    (plain,), (whole,) = (report(models, START, UNTIL, segments=asked).models for asked in (False, True))
    assert (plain.segments, list(plain.moved)) == ([], ["x", "segment site=a"])
    assert [(one.segment, one.loss, one.alarms) for one in whole.segments] == [
        ("site=a", 0.4, ["error:mixture-cusum"])
    ]  # fmt: skip
    for form in ("html", "markdown", "json"):
        assert "site=a" in report_text(report(models, START, UNTIL, segments=True), form)


def test_a_segment_has_the_trend_of_its_loss_and_of_its_ratings():
    rated = {"loss_trend": -0.03, "loss_trend_error": 0.001, "rating": 0.8125}
    noise = {"rating_trend": -0.02, "rating_trend_error": 0.05}
    messages = [
        (one, what.model_copy(update={"metrics": {**what.metrics, **rated, **noise}}) if segment else what)
        for one, what in story()
        for segment in [getattr(what, "segment", "") if one == topics.DRIFT_STATUS else ""]
    ]
    models = viewed(messages).models.values()
    (part,) = report(models, START, UNTIL, segments=True).models[0].segments
    assert (part.trend, part.rating, part.rating_trend) == ("improving", 0.8125, "stable")
    for form in ("html", "markdown"):
        text = report_text(report(models, START, UNTIL, segments=True), form)
        assert "0.8125" in text
        assert "improving" in text


@pytest.mark.parametrize("text", ["", "7", "d", "0d", "-1d", "7y", "٣d"])
def test_a_span_that_is_none_is_refused(text: str):
    with pytest.raises(ValueError, match="span"):
        span_of(text)


def test_each_slot_is_served_once_whoever_comes_first(tmp_path: Path):
    made: list[datetime] = []

    def make(since: datetime, until: datetime) -> Report:
        made.append(until)
        return Report(since=since, until=until, models=[])

    replicas = [ScheduledReports(tmp_path, "weekly", "0 6 * * 1", timedelta(days=7), make) for _ in range(4)]
    now = datetime(2026, 11, 23, 6, 0, 1, tzinfo=UTC)
    threads = [threading.Thread(target=replica.serve, args=(now,)) for replica in replicas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [path.name for path in tmp_path.iterdir()] == ["weekly-2026-11-23T0600Z.html"]
    assert replicas[0].serve(now + timedelta(days=3)) is None  # a restart in the middle of the week
    assert replicas[0].serve(now + timedelta(days=10)) is not None  # a slot that was missed
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("cron", ["*/5 * * * *", "0 6 * * 1", "0 0 1 * *", "30 2 29 2 *"])
def test_the_last_slot_is_the_newest_that_is_not_in_the_future(cron: str):
    now = datetime(2028, 3, 5, 12, 3, tzinfo=UTC)
    slot = last_slot(cron, now)
    assert slot is not None
    assert slot <= now
    assert last_slot(cron, slot) == slot


@pytest.mark.parametrize("plan", [{"cron": "61 * * * *"}, {"cron": "0 6 * * 1", "span": "soon"}, {"cron": "* * * *"}])
def test_a_schedule_that_makes_no_sense_is_refused_at_the_start(plan: dict[str, str]):
    with pytest.raises(ValidationError):
        Settings(report_schedules={"weekly": plan})
