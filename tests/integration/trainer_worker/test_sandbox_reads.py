"""What a run reads in the sandbox, so that no learner that does right fails by it; what is said where one does."""

import ctypes
import importlib
import importlib.util
import os
import platform
import socket
import ssl
import struct
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import ModuleType

import pytest

from trainer_worker.adapters.job import Job
from trainer_worker.adapters.sandbox import kernel, plan, readable
from trainer_worker.adapters.sandbox.kernel import Rules, enforce, why_not
from trainer_worker.adapters.sandbox.plan import Sandbox, of_child

pytestmark = pytest.mark.skipif(bool(why_not()), reason="this kernel has no Landlock or no seccomp")


def apart(deed: Callable[[], object]) -> str:
    """What `deed` gives in a process of its own, as text; an error by its class."""
    reads, writes = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            said = str(deed())
        except BaseException as error:  # noqa: BLE001  (whatever it is, the parent is told)
            said = type(error).__name__
        os.write(writes, said.encode())
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as said:
        text = said.read()
    os.waitpid(pid, 0)
    return text


def inside(rules: Rules, deed: Callable[[], object]) -> str:
    return apart(lambda: (enforce(rules), deed())[1])


@pytest.fixture
def job(make_run, tmp_path):
    def made(run=None, **places):
        given = {"archive_uri": str(tmp_path / "lake"), "artifact_uri": str(tmp_path / "artifacts")}
        return Job(run=run or make_run(), archive_wait_seconds=1, **(given | places))

    return made


def test_a_run_whose_archive_is_elsewhere_finds_hosts_and_trusts_authorities(job):
    rules = of_child(job(archive_uri="memory://lake"), "").rules
    here = ssl.create_default_context().cert_store_stats()
    assert inside(rules, lambda: ssl.create_default_context().cert_store_stats()) == str(here)
    assert inside(rules, lambda: bool(socket.getaddrinfo("localhost", 80))) == "True"
    assert inside(rules, lambda: Path("/etc/shadow").read_text()) == "PermissionError"


def test_who_we_are_at_an_object_store_is_read_where_rows_lie_there_and_nowhere_else(job, make_run, monkeypatch):
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/run/secrets/aws/token")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/run/authority.pem")
    mine = {"/run/secrets/aws", str(Path.home() / ".aws")}
    far, served = of_child(job(archive_uri="memory://lake"), ""), of_child(job(make_run(learner="open-inference")), "")
    assert mine | {"/run/authority.pem"} <= set(far.rules.reads)
    assert (mine.isdisjoint(served.rules.reads), "/run/authority.pem" in served.rules.reads) == (True, True)
    assert mine.isdisjoint(of_child(job(), "").rules.reads)


def test_no_folder_above_is_opened_for_one_that_cannot_be_made(job, tmp_path):
    (tmp_path / "file").write_text("")
    rules = of_child(job(archive_uri=str(tmp_path / "file/a/lake"), artifact_uri=str(tmp_path / "file/b")), "").rules
    assert not [path for path in (*rules.reads, *rules.writes) if path and tmp_path.is_relative_to(path)]


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """The folder of a project that is in the path of modules and holds the loop's data too."""
    (tmp_path / "plug_package").mkdir()
    (tmp_path / "plug_package/__init__.py").write_text("from plug_package import part")
    (tmp_path / "plug_package/part.py").write_text("")
    (tmp_path / "plug_module.py").write_text("")
    (tmp_path / "plug_space").mkdir()
    (tmp_path / "plug_space/part.py").write_text("")
    (tmp_path / ".env").write_text("password")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", ["plug_module", "plug_package"])
def test_modules_beside_data_are_imported_and_no_other_file_is_read(job, project, name):
    rules = of_child(job(), "").rules
    assert inside(rules, lambda: __import__(name).__name__) == name
    assert inside(rules, (project / ".env").read_text) == "PermissionError"


def test_a_module_that_the_sandbox_refuses_is_named(job, project, tmp_path_factory):
    later = tmp_path_factory.mktemp("later")
    (later / "plug_later.py").write_text("")
    told = of_child(job(), "")

    def hint(name: str) -> str:
        sys.path.append(str(later))
        try:
            importlib.import_module(name)
        except (ImportError, OSError) as error:
            return told.hint(error)
        return "imported"

    refused = "(the sandbox of runs refuses {}: name it in DRIFTLOOP_TRAINER_WORKER_SANDBOX_READS if it may be read)"
    assert inside(told.rules, lambda: hint("plug_later")).strip() == refused.format(later / "plug_later.py")
    assert inside(told.rules, lambda: hint("plug_space.part")).strip() == refused.format(project / "plug_space/part.py")
    assert inside(told.rules, lambda: hint("nowhere")) == ""
    library = ImportError("libx.so: cannot open shared object file: Permission denied")
    assert "refuses a library" in told.hint(ValueError()) + told.hint(library)


def test_a_project_that_is_installed_from_its_own_folder_is_read(job, tmp_path, monkeypatch):
    for name in ("finder", "linked"):
        (tmp_path / name / f"plug_{name}").mkdir(parents=True)
        (tmp_path / name / f"plug_{name}" / "__init__.py").write_text("")
    finder = ModuleType("__editable___plug_finder")
    finder.MAPPING = {"plug_finder": str(tmp_path / "finder/plug_finder")}
    monkeypatch.setitem(sys.modules, finder.__name__, finder)

    class Finder:
        """As other builders of packages install one."""

        @staticmethod
        def find_spec(name, *_):
            if name == "plug_linked":
                return importlib.util.spec_from_file_location(name, tmp_path / "linked/plug_linked/__init__.py")
            return None

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    learners = [EntryPoint("mine", f"{top}:make", readable.GROUP) for top in ("plug_linked.deep", "gone", "1 + 1")]
    monkeypatch.setattr(readable, "entry_points", lambda **_: EntryPoints(learners))
    reads = of_child(job(), "").rules.reads
    assert {str(tmp_path / "finder/plug_finder"), str(tmp_path / "linked/plug_linked")} <= set(reads)


CALLS = {"landlock_restrict_self": 446, "capset": 126, "prctl(PR_SET_SECCOMP)": 157}


def forbid(number: int) -> None:
    """As a container's profile does: the call fails with EPERM; of prctl only the loading of a filter."""
    argument = [(0x20, 0, 0, 16), (0x15, 0, 1, 22)] if number == 157 else []
    steps = [
        (0x20, 0, 0, 0),
        (0x15, 0, 1 + len(argument), number),
        *argument,
        (6, 0, 0, 0x00050001),
        (6, 0, 0, 0x7FFF0000),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(code)))
    libc = kernel._libc()
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    assert libc.prctl(22, 2, program, 0, 0) == 0


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of calls")
@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_a_container_forbids_is_told_and_fails_no_run_that_does_not_require_it(job, call):
    told = of_child(job(), "")
    what = "network" if "prctl" in call else "files"
    rest = tuple(name for name in told.rules.keep_from if name != what)

    def settled(confined):
        forbid(CALLS[call])
        return (after := confined.without(enforce(confined.rules))).rules.keep_from, after.remarks

    words = f"the run was not kept from {plan._WORDS[what]}: the kernel refused a call that this needs"
    assert apart(lambda: settled(told)) == str((rest, (f"{words} (Operation not permitted)",)))
    assert apart(lambda: settled(of_child(job(sandbox=Sandbox(sandbox="required")), ""))) == "PermissionError"


def test_what_was_downloaded_stays_where_it_is_looked_for(monkeypatch, tmp_path):
    for name in ("HF_HOME", "TORCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/home/me/cache")

    def homes():
        plan.settle(str(tmp_path))
        return [os.environ[name] for name in ("HF_HOME", "TORCH_HOME", "XDG_CACHE_HOME")]

    assert apart(homes) == str(["/home/me/cache/huggingface", "/home/me/cache/torch", str(tmp_path)])
