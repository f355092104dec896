"""What a run may read and write, by its job; and how to say what it was kept from."""

import errno
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import fsspec
from fsspec.implementations.local import LocalFileSystem
from pydantic import BaseModel, ConfigDict

from driftloop.artifacts.manifest import Manifest
from driftloop.artifacts.store import MANIFEST, artifact_uri
from driftloop.contracts.reading import read_message
from driftloop.learners.served_access import files_of_access
from trainer_worker.adapters.sandbox.kernel import FILES, NETWORK, Rules, why_not
from trainer_worker.adapters.sandbox.readable import of_modules, of_network, of_software
from trainer_worker.core.train.run_report import SandboxMode

if TYPE_CHECKING:
    from trainer_worker.adapters.job import Job

DEVICES = ("/dev/full", "/dev/null", "/dev/random", "/dev/shm", "/dev/urandom", "/dev/zero")  # noqa: S108
_REFUSED = (errno.EACCES, errno.EPERM)
_GPUS = ("nvidia*", "kfd", "dri", "dxg")
_SETTING = "DRIFTLOOP_TRAINER_WORKER_SANDBOX"


class Sandbox(BaseModel):
    """The sandbox, as the trainer's settings say it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sandbox: SandboxMode = "available"
    """Of executor child."""
    sandbox_commands: SandboxMode = "off"
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
        return () if mode == "off" else _kept_from(why_not())


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

    def record(self, remarks: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """What the run's report says of it: what it was kept from, and why not from the rest, after other remarks."""
        return {"sandbox": self.rules.keep_from, "remarks": (*remarks, *self.remarks)}

    def without(self, lacking: Mapping[str, str]) -> "Confinement":
        """The same where the kernel did not enforce all of it."""
        kept = tuple(what for what in self.rules.keep_from if what not in lacking)
        return Confinement(replace(self.rules, keep_from=kept), {**self.open, **lacking})

    def hint(self, error: BaseException) -> str:
        """What to add to an error that a rule may have caused; empty where none did."""
        if not self.rules.keep_from:
            return ""
        causes = list(_causes(error))
        refused = next((one for one in causes if isinstance(one, OSError) and one.errno in _REFUSED), None)
        if refused is not None:
            path = refused.filename if isinstance(refused.filename, str) else None
            return "" if path is not None and _is_kept_by_its_owner(path) else refused_words(path)
        module = next((one for one in causes if isinstance(one, ImportError)), None)
        return "" if module is None or FILES not in self.rules.keep_from else _not_imported(module)


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
    mine = [made for path in (version, kept) if path is not None and (made := _made(path))]
    software, mixed = _software(job.sandbox, _data_roots(job))
    rules = Rules(
        _kept_from(open_for),
        reads=(
            *software, *_of_archive(job), *(_of_network(job) if network else ()), *(path for path in others if path),
            *([golden] if spec.training.golden_set and (golden := _local(spec.training.golden_set)) else ()),
        ),
        writes=(scratch, *mine, *_devices(job.sandbox)),
        tidies=tuple(str(Path(path).parent) for path in mine),
        lists=mixed,
        is_required=job.sandbox.sandbox == "required",
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
    software, mixed = _software(job.sandbox, _data_roots(job))
    rules = Rules(
        _kept_from(open_for),
        reads=(*software, *map(str, given), *scripts),
        writes=(str(folder), *_devices(job.sandbox)),
        lists=mixed,
        sockets="unix",
        is_required=job.sandbox.sandbox_commands == "required",
    )
    return Confinement(rules, open_for)


def settle(scratch: str) -> None:
    """Let libraries put what they keep for a while into the run's own folder."""
    if not scratch:
        return
    tempfile.tempdir = scratch
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    os.environ.setdefault("HF_HOME", str(cache / "huggingface"))  # downloads that the settings may name stay found
    os.environ.setdefault("TORCH_HOME", str(cache / "torch"))
    for name in ("TMPDIR", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR",
                 "MPLCONFIGDIR"):  # fmt: skip
        os.environ[name] = scratch


def clear(confinement: Confinement) -> None:
    """Remove the folders that were made for a run and have stayed empty."""
    for path in confinement.rules.writes:
        if str(Path(path).parent) in confinement.rules.tidies:
            with suppress(OSError):
                Path(path).rmdir()


def _kept_from(open_for: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(what for what in (FILES, NETWORK) if what not in open_for)


def _require(mode: SandboxMode, open_for: Mapping[str, str]) -> None:
    if mode == "required" and open_for:
        what = "; ".join(f"it cannot be kept from {_WORDS[name]}: {why}" for name, why in open_for.items())
        raise ValueError(f"the settings ask for a sandbox, so the run is not trained: {what}")


def _needs_network(job: "Job") -> str:
    """Why the run cannot do without; empty where it can."""
    for place in _far(job):
        return f"{place} is not on this machine"
    served = ["the run's own model"] if job.run.request.learner == "open-inference" else []
    served += [uri for uri in _artifacts(job) if _learner_of(uri) == "open-inference"]
    return f"a server is asked about {served[0]}" if served else ""


def _far(job: "Job") -> list[str]:
    """What of a run's data is not on this machine."""
    places = (job.archive_uri, job.artifact_uri, job.run.spec.training.golden_set or "", *_artifacts(job))
    return [place for place in places if place and _local(place) is None]


def _of_network(job: "Job") -> list[str]:
    return [*of_network(storage=bool(_far(job))), *files_of_access()]


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


def _made(path: str) -> str | None:
    """The folder, which is there from now on; None where it cannot be made: no folder above it is opened for it."""
    with suppress(OSError):
        Path(path).mkdir(parents=True, exist_ok=True)
        return path
    return None


def _of_archive(job: "Job") -> list[str]:
    """The table's log and the model's own rows; the whole table while it has none.

    A table that is not there yet gets its folder now: what is made later in a folder above would be refused.
    """
    root = _local(job.archive_uri)
    if root is None:
        return []
    own = Path(root, f"model_id={quote(job.run.request.model_id, safe='')}")
    return [str(Path(root, "_delta_log")), str(own)] if own.is_dir() else [_made(root) or root]


def _data_roots(job: "Job") -> list[str]:
    return [root for uri in (job.archive_uri, job.artifact_uri, job.runs_path) if (root := _local(uri))]


def _software(settings: Sandbox, data: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What software reads, with what the settings name; and of which folders it sees names alone."""
    modules, mixed = of_modules(data)
    return (*of_software(), *modules, *settings.sandbox_reads), tuple(mixed)


def _devices(settings: Sandbox) -> list[str]:
    gpus = [str(path) for name in _GPUS for path in sorted(Path("/dev").glob(name))] if settings.sandbox_gpu else []
    return [*DEVICES, *gpus]


def _is_kept_by_its_owner(path: str) -> bool:
    """Whether the file's own rights refuse us, so that no rule is to blame: these are told as they are in a sandbox."""
    return os.access(path, os.F_OK, effective_ids=True) and not os.access(path, os.R_OK, effective_ids=True)


def _not_imported(error: ImportError) -> str:
    """What to add where a module, or a library that it needs, was refused: the import system takes both for missing.
    Whether a file is there may be asked in the sandbox."""
    if not isinstance(error, ModuleNotFoundError):
        refused = f" (the sandbox of runs refuses a library: name its folder in {_SETTING}_READS)"
        return refused if "Permission denied" in str(error) else ""
    inside = (error.name or "").replace(".", os.sep)
    places = [Path(entry or ".", inside + end) for entry in sys.path for end in ("", ".py")]
    refused_path = next((str(path) for path in places if inside and path.exists() and _is_refused(path)), None)
    return "" if refused_path is None else refused_words(refused_path)


def _is_refused(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY))
    except PermissionError:
        return not _is_kept_by_its_owner(str(path))
    except OSError:
        return False
    return False


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it comes from, however deep."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
