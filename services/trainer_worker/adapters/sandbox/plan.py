"""What a run may read and write, by its job; and how to say what it was kept from."""

import errno
import os
import shlex
import site
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

import fsspec
from fsspec.implementations.local import LocalFileSystem
from pydantic import BaseModel, ConfigDict

from driftloop.artifacts.manifest import Manifest
from driftloop.artifacts.store import MANIFEST, artifact_uri
from driftloop.contracts.reading import read_message
from driftloop.contracts.topics import schemas_root
from driftloop.learners.served_access import files_of_access
from driftloop.learners.text.base import FOLDERS
from trainer_worker.adapters.sandbox.kernel import FILES, NETWORK, Rules, why_not

if TYPE_CHECKING:
    from trainer_worker.adapters.job import Job

Mode = Literal["off", "available", "required"]
SYSTEM = (
    "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/usr", "/opt/rocm", "/proc", "/sys", "/etc/alternatives",
    "/etc/fonts", "/etc/group", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime",
    "/etc/mime.types", "/etc/nsswitch.conf", "/etc/OpenCL", "/etc/os-release", "/etc/passwd", "/etc/timezone",
    "/etc/vulkan",
)  # fmt: skip
"""What programs and libraries read; nothing of it is secret. The rest of /etc is not read: keys lie there."""
DEVICES = ("/dev/full", "/dev/null", "/dev/random", "/dev/shm", "/dev/urandom", "/dev/zero")  # noqa: S108
_GPUS = ("nvidia*", "kfd", "dri", "dxg")
_SETTING = "DRIFTLOOP_TRAINER_WORKER_SANDBOX"


class Sandbox(BaseModel):
    """The sandbox, as the trainer's settings say it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sandbox: Mode = "available"
    """Of executor child."""
    sandbox_commands: Mode = "off"
    """Of executor command."""
    sandbox_reads: tuple[str, ...] = ()
    """Further files and folders that may be read."""
    sandbox_gpu: bool = True
    """Whether GPUs may be used."""

    def lacking(self) -> dict[str, str]:
        """What this machine cannot keep a run from, and why; empty where no run is to be kept from anything."""
        return {} if (self.sandbox, self.sandbox_commands) == ("off", "off") else why_not()

    def keeps_from(self, executor: str) -> tuple[str, ...]:
        """What the runs of an executor are kept from on this machine: `files`, `network`."""
        mode = {"child": self.sandbox, "command": self.sandbox_commands}.get(executor, "off")
        lacking = why_not()
        return () if mode == "off" else tuple(what for what in (FILES, NETWORK) if what not in lacking)


@dataclass(frozen=True)
class Confinement:
    """What a run is kept from, by which rules, and why it is not kept from the rest."""

    rules: Rules
    open: Mapping[str, str]
    """`files`, `network` → why the run is not kept from them."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences for the run's record."""
        return tuple(f"the run was not kept from {_WORDS[what]}: {why}" for what, why in self.open.items())

    def hint(self, error: BaseException) -> str:
        """What to add to an error that a rule may have caused; empty where none did."""
        refused = _refusal(error)
        if refused is None or not self.rules.keep_from:
            return ""
        path = refused.filename if isinstance(refused.filename, str) else None
        return "" if path is not None and _is_kept_by_its_owner(path) else refused_words(path)


_WORDS = {FILES: "other files", NETWORK: "the network"}


def refused_words(path: str | None) -> str:
    """What a run did that the sandbox refuses, and what to do."""
    if path is None:
        return f" (runs have no network and no signals in the sandbox; {_SETTING}=off takes it away)"
    return f" (the sandbox of runs refuses {path}: name it in {_SETTING}_READS if it may be read)"


NOTHING = Confinement(Rules(keep_from=()), {})


def of_child(job: "Job", scratch: str) -> Confinement:
    """The sandbox of a run of executor child, which has `scratch` to itself.

    It makes the folders that the run writes to. Raises ValueError, with a sentence, where it is required and the
    machine or the job does not allow it.
    """
    if job.sandbox.sandbox == "off" or job.run.spec.training.executor != "child":
        return NOTHING
    request, spec = job.run.request, job.run.spec
    network = _needs_network(job)
    open_for = {**why_not(), **({NETWORK: network} if network else {})}
    _require(job.sandbox.sandbox, open_for)
    version = _local(artifact_uri(job.artifact_uri, request.model_id, request.version))
    kept = _local(f"{job.artifact_uri.rstrip('/')}/.checkpoints/{request.model_id}")
    others = [_local(one) for one in _artifacts(job)]
    mine = [_made(path) for path in (version, kept) if path is not None]
    rules = Rules(
        tuple(what for what in (FILES, NETWORK) if what not in open_for),
        reads=(
            *_software(job.sandbox, _data_roots(job)), *_of_archive(job),
            *(files_of_access() if network else ()), *(path for path in others if path),
            *([golden] if spec.training.golden_set and (golden := _local(spec.training.golden_set)) else ()),
        ),
        writes=(scratch, *mine, *_devices(job.sandbox)),
        tidies=tuple(str(Path(path).parent) for path in mine),
    )  # fmt: skip
    return Confinement(rules, open_for)


def of_command(job: "Job", folder: Path) -> Confinement:
    """The sandbox of a run's program, which has its folder to itself. Raises ValueError where it is required and the
    machine does not allow it."""
    if job.sandbox.sandbox_commands == "off" or job.run.spec.training.executor != "command":
        return NOTHING
    open_for = why_not()
    _require(job.sandbox.sandbox_commands, open_for)
    words = shlex.split(job.commands.get(job.run.spec.training.entry or "", ""))
    given = [path for word in words if (path := Path(word)).is_absolute() and path.exists()]
    scripts = [str(path.parent) for path in given if path.suffix == ".py"]
    return Confinement(
        Rules(
            tuple(what for what in (FILES, NETWORK) if what not in open_for),
            reads=(*_software(job.sandbox, _data_roots(job)), *map(str, given), *scripts),
            writes=(str(folder), *_devices(job.sandbox)),
            sockets="unix",
        ),
        open_for,
    )


def settle(scratch: str) -> None:
    """Let libraries put what they keep for a while into the run's own folder."""
    if not scratch:
        return
    tempfile.tempdir = scratch
    for name in ("TMPDIR", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"):
        os.environ[name] = scratch


def clear(job: "Job", confinement: Confinement) -> None:
    """Remove the folders that were made for a run and have stayed empty."""
    for path in confinement.rules.writes if job.run.spec.training.executor == "child" else ():
        if str(Path(path).parent) in confinement.rules.tidies:
            with suppress(OSError):
                Path(path).rmdir()


def _require(mode: Mode, open_for: Mapping[str, str]) -> None:
    if mode == "required" and open_for:
        what = "; ".join(f"it cannot be kept from {_WORDS[name]}: {why}" for name, why in open_for.items())
        raise ValueError(f"the settings ask for a sandbox, so the run is not trained: {what}")


def _needs_network(job: "Job") -> str:
    """Why the run cannot do without; empty where it can."""
    places = (job.archive_uri, job.artifact_uri, job.run.spec.training.golden_set or "", *_artifacts(job))
    for place in places:
        if place and _local(place) is None:
            return f"{place} is not on this machine"
    served = ["the run's own model"] if job.run.request.learner == "open-inference" else []
    served += [uri for uri in _artifacts(job) if _learner_of(uri) == "open-inference"]
    return f"a server is asked about {served[0]}" if served else ""


def _learner_of(uri: str) -> str | None:
    """Who loads an artifact, by its manifest; whether that is the right one is seen when it is loaded."""
    try:
        return read_message(Manifest, Path(_local(uri) or "", MANIFEST).read_bytes()).message.learner
    except (OSError, ValueError):
        return None


def _artifacts(job: "Job") -> Iterator[str]:
    request = job.run.request
    yield from (one for one in (request.champion_artifact, request.base_artifact) if one is not None)
    yield from (candidate.artifact for candidate in request.candidates)


def _local(uri: str) -> str | None:
    """The path of an address on this machine; None where it is elsewhere, or in no file system that is known here."""
    try:
        fs, path = fsspec.core.url_to_fs(uri)
    except (ImportError, ValueError, OSError):
        return None
    return os.path.realpath(path) if isinstance(fs, LocalFileSystem) else None


def _made(path: str) -> str:
    """The folder, which is there from now on; where it cannot be made now, the nearest above it that is there."""
    with suppress(OSError):
        Path(path).mkdir(parents=True, exist_ok=True)
    return str(next(folder for folder in (Path(path), *Path(path).parents) if folder.is_dir()))


def _of_archive(job: "Job") -> list[str]:
    """The table's log and the model's own rows; the whole table while it has none.

    A table that is not there yet gets its folder now: what is made later in a folder above would be refused.
    """
    root = _local(job.archive_uri)
    if root is None:
        return []
    own = Path(root, f"model_id={quote(job.run.request.model_id, safe='')}")
    return [str(Path(root, "_delta_log")), str(own)] if own.is_dir() else [_made(root)]


def _data_roots(job: "Job") -> list[str]:
    return [root for uri in (job.archive_uri, job.artifact_uri, job.runs_path) if (root := _local(uri))]


def _software(settings: Sandbox, data: list[str]) -> list[str]:
    """The interpreter, the libraries, what they read, and what the settings name.

    A place where modules are found that holds data as well (the folder in which the trainer was started) is left
    out: only the settings can name that.
    """
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values(), *site.getsitepackages()}
    modules = {os.path.realpath(entry or ".") for entry in sys.path}
    found = {path for path in prefixes | modules if not any(Path(root).is_relative_to(path) for root in data)}
    bases = [folder for folder in os.environ.get(FOLDERS, "").split(os.pathsep) if folder]
    return [*SYSTEM, *sorted(found), str(schemas_root()), *bases, *settings.sandbox_reads]


def _devices(settings: Sandbox) -> list[str]:
    gpus = [str(path) for name in _GPUS for path in sorted(Path("/dev").glob(name))] if settings.sandbox_gpu else []
    return [*DEVICES, *gpus]


def _is_kept_by_its_owner(path: str) -> bool:
    """Whether the file's own rights refuse us, so that no rule is to blame: these are told as they are in a sandbox."""
    return os.access(path, os.F_OK, effective_ids=True) and not os.access(path, os.R_OK, effective_ids=True)


def _refusal(error: BaseException | None) -> OSError | None:
    """The refusal that an error comes from, however deep."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM):
            return error
        error = error.__cause__ or error.__context__
    return None
