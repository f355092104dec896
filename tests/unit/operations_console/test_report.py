"""Reports: what they count, what they advise, and one for each slot of a schedule."""

import os
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

from .conftest import START, Story, event, signal, status, story

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


def test_a_report_is_as_open_as_the_umask_says_and_half_of_one_is_not_left_behind(tmp_path: Path):
    writer = ScheduledReports(tmp_path, "weekly", "0 6 * * 1", timedelta(days=7), lambda _since, _until: None)
    before = os.umask(0o027)
    try:
        assert writer._write_once(tmp_path / "a.html", "a")
    finally:
        os.umask(before)
    assert (tmp_path / "a.html").stat().st_mode & 0o777 == 0o640
    with pytest.raises(UnicodeEncodeError):
        writer._write_once(tmp_path / "b.html", "\ud800")
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]


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


def hourly(*numbers: int, harm: tuple[str, ...] = ()) -> Story:
    """A status for each of these hours, with a block of losses that ends there."""
    found: Story = []
    for number in numbers:
        one = status("plant", number, 0.1, active=harm)
        at = START + timedelta(hours=number)
        block = one.loss_blocks[0].model_copy(update={"index": number, "last_at": at})
        found.append((topics.DRIFT_STATUS, one.model_copy(update={"as_of": at, "loss_blocks": (block,)})))
    return found


def up(messages: Story, hours: int) -> tuple[float | None, float | None]:
    (model,) = report(viewed(messages).models.values(), START, START + timedelta(hours=hours)).models
    return model.uptime, model.healthy


def harmed_at(hour: int) -> Story:
    said = signal("plant", 900).model_copy(update={"occurred_at": START + timedelta(hours=hour)})
    return [(topics.DRIFT_SIGNALS, said)]


def test_uptime_is_the_share_of_time_in_which_outcomes_came():
    assert up(hourly(*range(11)), 10) == (1.0, 1.0)
    assert up(hourly(*range(5), *range(10, 21)), 20) == (0.85, 1.0), "six hours, of which three are usual enough"
    assert up(hourly(*range(11)), 20)[0] == 0.65, "nothing has come since"
    assert up(hourly(0), 10)[0] is None
    assert up(story()[:1], 10) == (None, None)


def test_what_is_rare_by_its_nature_is_not_down():
    assert up(hourly(0, 24, 48, 72), 72) == (1.0, 1.0)


def test_harm_lasts_until_another_version_serves_or_while_it_stands():
    promoted = event("plant", 901, "promoted", "1.0.1").model_copy(
        update={"occurred_at": START + timedelta(hours=7), "previous_version": "1.0.0"}
    )
    change: Story = [(topics.MODEL_EVENTS, promoted)]
    harm = ("error:mixture-cusum",)
    bad = [(topic, one.model_copy(update={"metrics": {"loss_reference": 0.05}})) for topic, one in hourly(*range(11))]
    assert up([*bad, *harmed_at(2), *change], 10)[1] == 0.5
    standing = [*hourly(*range(11), harm=harm)]
    standing[-1] = (topics.DRIFT_STATUS, standing[-1][1].model_copy(update={"metrics": {"loss_reference": 0.05}}))
    assert up([*standing, *harmed_at(2)], 10)[1] == 0.2
    good = [(topic, one.model_copy(update={"metrics": {"loss_reference": 0.1}})) for topic, one in hourly(*range(11))]
    assert up([*good, *harmed_at(2)], 10)[1] == 0.9, "the next block is at the reference again"


def test_without_a_reference_harm_lasts_until_the_newest_status_that_tells_none():
    bare = [(topic, one.model_copy(update={"metrics": {}})) for topic, one in hourly(*range(9))]
    assert up([*bare, *harmed_at(2)], 10)[1] == 0.4, "from hour 2 to the status of hour 8"


@pytest.mark.parametrize("form", ["html", "markdown", "json"])
def test_every_form_tells_uptime(form: str):
    models = viewed([*hourly(*range(11)), *harmed_at(9)]).models.values()
    text = report_text(report(models, START, START + timedelta(hours=10)), form)
    assert ("uptime" in text.lower(), "healthy" in text.lower()) == (True, True)
