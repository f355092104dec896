"""The room that artifacts take, in a folder and in a store of objects."""

import json
import os
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import fsspec
import pytest
from fsspec import AbstractFileSystem
from fsspec.implementations.local import LocalFileSystem
from typer.testing import CliRunner

from driftloop.artifacts.storage import Storage, stored
from driftloop.artifacts.store import (
    StoreAwayError,
    UnwritableError,
    delete_artifact,
    filesystem_of,
    lies_at,
    verify_artifact,
)
from driftloop.errors import ExitCode, UserError
from driftloop.testing.clock import START
from driftloop.tools.cli.main import app
from operations_console.adapters.storage import StorageLook

FILES = {
    "plant/1.0.0/manifest.json": 3, "plant/1.0.0/model/part.safetensors": 40, "plant/v1700000000/model.json": 7,
    "line-2/1.0.0/model.json": 11, ".runs/some-run.log": 5, ".checkpoints/plant/run/proof": 6, "stray": 1,
}  # fmt: skip
FOUND = Storage({"line-2": {"1.0.0": 11}, "plant": {"1.0.0": 43, "v1700000000": 7}}, 12)


@pytest.fixture(params=["folder", "memory"])
def root(request, tmp_path):
    address = str(tmp_path / "artifacts") if request.param == "folder" else f"memory://{tmp_path.name}/artifacts/"
    fs, path = fsspec.core.url_to_fs(address)
    for name, size in FILES.items():
        fs.makedirs(f"{path}/{name}".rsplit("/", 1)[0], exist_ok=True)
        fs.pipe_file(f"{path.rstrip('/')}/{name}", b"x" * size)
    return address


def test_bytes_are_by_model_and_version_and_what_else_lies_there_is_beside(root):
    assert stored(root) == FOUND
    assert (FOUND.of("plant"), FOUND.of("nobody"), FOUND.total) == (50, 0, sum(FILES.values()))


def test_a_store_without_anything_has_nothing(tmp_path):
    assert stored(str(tmp_path / "nowhere")) == Storage()


class NoBucket(AbstractFileSystem):
    """A store that answers, as that of S3 does, that there is no such bucket."""

    protocol = "no-bucket"

    def find(self, path, *_args, **_facts):
        raise FileNotFoundError(path)


def test_a_bucket_that_is_not_there_has_nothing():
    fsspec.register_implementation("no-bucket", NoBucket, clobber=True)
    assert stored("no-bucket://models") == Storage()


@pytest.fixture
def somebody_else():
    """Who may read only what everybody may: the tests may run as one who may read everything."""
    before = os.geteuid()
    folder = Path(tempfile.mkdtemp(prefix="driftloop-"))
    folder.chmod(0o755)
    for model in ("line-2", "plant"):
        (folder / "artifacts" / model / "1.0.0").mkdir(parents=True)
        (folder / "artifacts" / model / "1.0.0" / "manifest.json").write_bytes(b"{}")

    def closed(name):
        (folder / name).chmod(0o000)
        if before == 0:
            os.seteuid(65534)
        return str(folder / "artifacts")

    yield closed
    os.seteuid(before)
    for name in ("artifacts", "artifacts/plant", "artifacts/plant/1.0.0"):
        (folder / name).chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["artifacts", "artifacts/plant", "artifacts/plant/1.0.0"])
def test_a_folder_that_may_not_be_read_is_no_empty_one(somebody_else, name):
    root = somebody_else(name)
    version = f"{root}/plant/1.0.0"
    for ask in (
        lambda: stored(root),
        lambda: verify_artifact(version),
        lambda: lies_at(*filesystem_of(f"{version}/x")),
    ):
        with pytest.raises(StoreAwayError, match=r"may not be read at .*: Permission denied"):
            ask()
    with pytest.raises(UserError, match=r"may not be read at|cannot be deleted"):
        delete_artifact(version)
    ended = CliRunner().invoke(app, ["models", "storage", "--artifact-uri", root])
    assert isinstance(ended.exception, StoreAwayError)
    assert ended.exception.exit_code == ExitCode.ERROR
    assert "No artifact is there." not in ended.output


@pytest.mark.parametrize("whole", [True, False])
def test_an_artifact_that_somebody_else_deletes_meanwhile_is_no_error_once_it_is_gone(tmp_path, monkeypatch, whole):
    version = tmp_path / "plant" / "1.0.0"
    version.mkdir(parents=True)

    def rm(_, path, **__):
        if whole:
            Path(path).rmdir()
        raise FileNotFoundError(2, "No such file or directory", path)

    monkeypatch.setattr(LocalFileSystem, "rm", rm)
    if whole:
        delete_artifact(str(version))
    else:
        with pytest.raises(UnwritableError, match="cannot be deleted: No such file"):
            delete_artifact(str(version))


def test_the_command_says_it_for_people_and_programs(root):
    told = CliRunner().invoke(app, ["models", "storage", "plant", "--artifact-uri", root])
    assert told.output.splitlines() == ["plant: 50 bytes in 2 versions", "  1.0.0: 43 bytes", "  v1700000000: 7 bytes"]
    read = json.loads(CliRunner().invoke(app, ["models", "storage", "--artifact-uri", root, "--json"]).output)
    assert read == {"bytes": 73, "beside": 12, "models": FOUND.versions}
    one = json.loads(CliRunner().invoke(app, ["models", "storage", "line-2", "--artifact-uri", root, "--json"]).output)
    assert one == {"bytes": 11, "beside": 0, "models": {"line-2": {"1.0.0": 11}}}
    told = CliRunner().invoke(app, ["models", "storage", "line-2", "--artifact-uri", root])
    assert told.output.startswith("line-2: 11 bytes in 1 version\n")
    none = CliRunner().invoke(app, ["models", "storage", "other", "--artifact-uri", root])
    assert none.output == "other has no artifact there.\n"


def test_the_store_is_asked_once_a_minute_and_one_that_is_away_is_told():
    moments = iter([START, START + timedelta(seconds=59), START + timedelta(seconds=60)])
    answers = iter([FOUND, StoreAwayError("the artifact store does not answer for here: it is away")])

    def look(_uri):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    told = StorageLook("s3://models", lambda: next(moments), look)
    assert [told(), told()] == [FOUND, FOUND]
    assert "it is away" in told()
