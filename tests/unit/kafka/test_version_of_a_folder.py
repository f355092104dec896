"""A broker's folder stays with the Kafka that wrote it: an older one does not read it."""

import shutil

import pytest

from driftloop.kafka.embedded import broker_files
from driftloop.kafka.embedded.broker_files import format_data, version_of
from driftloop.kafka.embedded.runtime_jars import KAFKA_VERSION


@pytest.fixture
def formatted(monkeypatch, tmp_path):
    """A folder that a version of Kafka has formatted."""
    monkeypatch.setattr(broker_files, "cache_folder", lambda: tmp_path)

    def formatted(version):
        template = tmp_path / f"kafka-{version}-formatted"
        template.mkdir()
        (template / "meta.properties").touch()
        folder = tmp_path / "broker"
        folder.mkdir()
        format_data(folder, "a.jar", version)
        return folder

    return formatted


def test_a_new_folder_gets_the_version_of_this_release(tmp_path):
    assert version_of(tmp_path) == KAFKA_VERSION


def test_a_folder_keeps_the_version_that_formatted_it(formatted):
    folder = formatted("9.9.9")
    assert version_of(folder) == "9.9.9"
    format_data(folder, "a.jar")
    assert version_of(folder) == "9.9.9"


def test_a_folder_that_was_formatted_by_half_has_its_version_all_the_same(formatted, tmp_path):
    formatted("9.9.9")
    (tmp_path / "kafka-9.9.9-formatted" / "log").symlink_to("nowhere")
    half = tmp_path / "half"
    half.mkdir()
    with pytest.raises(shutil.Error):
        format_data(half, "a.jar", "9.9.9")
    assert (half / "data" / "meta.properties").is_file()
    assert version_of(half) == "9.9.9"


def test_a_folder_from_before_the_version_was_written_down_is_of_kafka_4_3_0(formatted):
    folder = formatted(KAFKA_VERSION)
    (folder / "kafka-version").unlink()
    assert version_of(folder) == "4.3.0"
