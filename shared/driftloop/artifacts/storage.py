"""How much room artifacts take, by model and version, in whatever store they lie."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from driftloop.artifacts.store import asked, filesystem_of


@dataclass(frozen=True, slots=True)
class Storage:
    """Bytes of versions by model; `beside` are what lies there too: logs and checkpoints of runs."""

    versions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    beside: int = 0

    def of(self, model_id: str) -> int:
        """The bytes of a model's versions."""
        return sum(self.versions.get(model_id, {}).values())

    @property
    def total(self) -> int:
        """All bytes."""
        return self.beside + sum(map(self.of, self.versions))


def stored(root: str) -> Storage:
    """What lies under the address of artifacts (`/folder`, `s3://…`, `memory://…`); nothing where it is not there.

    The store is asked for its list of files, and no file is read. Raises `StoreAwayError` where it does not answer.
    """
    fs, path = filesystem_of(root)
    fs.invalidate_cache()
    try:
        found = asked(root, lambda: fs.find(path, detail=True))
    except FileNotFoundError:  # a bucket that is not there; of a folder the list is empty
        return Storage()
    versions: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    beside = 0
    for name, facts in found.items():
        model, *rest = str(name).removeprefix(path).strip("/").split("/")
        size = int(facts.get("size") or 0)
        if len(rest) < 2 or model.startswith("."):
            beside += size
        else:
            versions[model][rest[0]] += size
    return Storage({model: dict(sorted(sizes.items())) for model, sizes in sorted(versions.items())}, beside)
