"""Versions that are named by the second they were made in, `v<unix>`, and those that their owners name otherwise."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftloop.cores.version_order import age_order

OLDER, NEWER = "v1690000000", "v1700000000"


@pytest.mark.wild(
    area="registry",
    given="a registry numbers versions by the second they were made in (`v1700000000`)",
    right="they are taken in, ordered by that second, and runs go on from 1.0.0",
)
def test_a_version_of_a_second_is_registered_serves_and_the_next_run_is_1_0_0(story):
    told = story()
    told.status(500)
    told.command("register", version=OLDER, artifact="m/old", artifact_sha256="a" * 64)
    assert told.champion == OLDER
    told.command("retrain")
    assert told.requests[-1].version == "1.0.0"
    told.result([0.5] * 20, [0.1] * 20)
    assert told.state.versions["1.0.0"].status in ("challenger", "champion")


def test_the_same_second_is_not_registered_twice_and_an_older_one_may_come_later(story):
    told = story(challenge={"challengers": 3})
    told.status(500)
    for version in (NEWER, OLDER, NEWER):
        told.command("register", version=version, artifact=f"m/{version}", artifact_sha256="a" * 64)
    assert told.decisions[-1].action == "refuse"
    assert told.champion == NEWER
    assert told.state.status_of(OLDER) == "challenger"


@pytest.mark.parametrize("order", list(itertools.permutations([OLDER, NEWER])), ids=["older first", "newer first"])
def test_a_person_who_names_no_version_means_the_newest_challenger(story, order):
    told = story(challenge={"challengers": 3}).first_version()
    for version in order:
        told.command("register", version=version, artifact=f"m/{version}", artifact_sha256="a" * 64)
    told.command("promote")
    assert told.champion == NEWER


def test_of_versions_whose_names_tell_nothing_the_newest_is_the_one_that_came_last(story):
    told = story(challenge={"challengers": 3}).first_version()
    for version in ("green", "blue"):
        told.command("register", version=version, artifact=f"m/{version}", artifact_sha256="a" * 64)
    told.command("promote")
    assert told.champion == "blue"


def test_a_roll_back_goes_by_the_log_and_not_by_the_name(story):
    told = story()
    told.status(500)
    for version in (NEWER, OLDER):
        told.command("register", version=version, artifact=f"m/{version}", artifact_sha256="a" * 64)
    told.command("promote", version=OLDER)
    assert told.champion == OLDER
    told.command("roll_back")
    assert told.champion == NEWER


@given(st.lists(st.integers(10**9, 10**10 - 1), min_size=2, unique=True))
def test_seconds_are_ordered_as_numbers(seconds):
    names = [f"v{second}" for second in seconds]
    assert sorted(names, key=age_order) == [f"v{second}" for second in sorted(seconds)]


LOOKALIKES = ["v2", "v20260501", "v17000000000", "v0700000000", "V1700000000", "v1700000000-b", "v\uff1170000000\uff10"]


@pytest.mark.parametrize("name", LOOKALIKES, ids=range(len(LOOKALIKES)))
def test_what_only_looks_like_a_second_is_a_name_like_any_other(name):
    assert age_order(name) == (0,)
