"""The topic files, the services' composition and the access grants tell one story."""

from pathlib import Path

import pytest

import drift_detection.app
import operations_console.app
import operations_console.core.view.fleet
import outcome_ingestion.app
import retrain_coordinator.app
import trainer_worker.app
from driftloop.contracts.topics import DEAD_LETTERS, topics
from driftloop.kafka.admin.access import Grant, read_grants
from driftloop.kafka.admin.topics import STATEFUL_GROUPS
from driftloop.kafka.settings import LoopSettings
from driftloop.spec.model_source import ModelSource
from driftloop.tools.local.programs import BESIDE, LINEAGE, MIRRORS, NOTIFY, SERVICES
from operations_console.settings import GROUP as CONSOLE_GROUP

APPS = (outcome_ingestion.app, drift_detection.app, retrain_coordinator.app, trainer_worker.app, operations_console.app)
LOOPS = {
    loop.group: (app.__name__.partition(".")[0], loop)
    for app in APPS
    for loop in vars(app).values()
    if isinstance(loop, LoopSettings)
}
TRANSLATE = outcome_ingestion.app.translate_loop(
    ModelSource(name="mine", model_id="m", topics=("somebody-elses",), server="kserve")
)
"""The loop of a declared source; its inputs are topics of others, which no topic file names."""
GRANTS = {grant.principal: grant for grant in read_grants(Path(__file__).parents[2] / "deploy" / "acls.yaml")}


CONSOLE = GRANTS["operations_console"]
"""The console reads outside the loop: its view says what of."""


def test_the_console_is_granted_what_its_view_is_folded_from():
    assert set(CONSOLE.reads) == set(operations_console.core.view.fleet.TOPICS)
    assert (CONSOLE.groups, CONSOLE.own_groups) == ((), f"{CONSOLE_GROUP}-")


def test_every_process_has_one_loop_named_as_its_group():
    assert set(LOOPS) | {TRANSLATE.service} == {*SERVICES, NOTIFY, *BESIDE, *MIRRORS, *LINEAGE}
    assert TRANSLATE.group == "outcome_translate-mine"


def test_a_translator_is_granted_what_its_loop_reads_but_for_the_source_itself():
    grant = GRANTS[TRANSLATE.service]
    assert set(grant.reads) == set(TRANSLATE.tables)
    assert [TRANSLATE.group.startswith(group.removesuffix("*")) for group in grant.groups] == [True]


@pytest.mark.parametrize("topic", topics())
def test_the_topic_file_names_every_service_that_reads_it(topic: str):
    readers = {package for package, loop in LOOPS.values() if topic in (*loop.inputs, *loop.tables)}
    readers |= {"operations_console"} if topic in CONSOLE.reads else set()
    people = {"people", "serving", "registry"}
    if topic in TRANSLATE.tables:
        readers.add("outcome_ingestion")
    assert set(topics()[topic].consumers) - people == readers


@pytest.mark.parametrize("group", LOOPS)
def test_a_process_is_granted_what_its_loop_reads_and_nothing_more(group: str):
    loop = LOOPS[group][1]
    changelog = {loop.changelog} if loop.state != "none" else set()
    assert set(GRANTS[group].groups) == {group}
    assert set(GRANTS[group].reads) == {*loop.inputs, *loop.tables} | changelog


@pytest.mark.parametrize("topic", topics())
def test_the_topic_file_names_every_service_that_may_write_it(topic: str):
    writers = {LOOPS[group][0] for group in LOOPS if topic in GRANTS[group].writes}
    if topic in GRANTS[TRANSLATE.service].writes:
        writers.add("outcome_ingestion")
    writers |= {"operations_console"} if topic in CONSOLE.writes else set()
    outside = {"producers", "people", "trainers of your own"}
    assert set(topics()[topic].producers) - outside == writers


def test_a_process_writes_its_changelog_and_nobody_elses():
    for group, (_, loop) in LOOPS.items():
        changelogs = {topic for topic in GRANTS[group].writes if topic.endswith("-changelog")}
        assert changelogs == ({loop.changelog} if loop.state != "none" else set())


def test_groups_with_state_are_those_whose_changelogs_are_created():
    assert set(STATEFUL_GROUPS) == {group for group, (_, loop) in LOOPS.items() if loop.state != "none"}


def test_every_process_may_bury_what_it_cannot_process():
    buriers = [grant for grant in GRANTS.values() if DEAD_LETTERS in grant.writes]
    assert {grant.principal for grant in buriers} == {*LOOPS, TRANSLATE.service}


def test_inputs_read_side_by_side_have_one_partition_count():
    for _, loop in LOOPS.values():
        assert len({topics()[name].partitions for name in loop.inputs}) == 1


def test_only_the_topics_job_administers():
    assert [grant.principal for grant in GRANTS.values() if grant.administers] == ["topics"]
    assert GRANTS["topics"] == Grant(principal="topics", administers=True)
