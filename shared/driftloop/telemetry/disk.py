"""How much room is left where a process writes."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


class DiskSpace(Collector):
    """Free and total bytes of the file systems that hold these folders, by name; places elsewhere have none."""

    def __init__(self, folders: Mapping[str, str | Path]) -> None:
        self._folders = {name: path for name, place in folders.items() if (path := local_path(place)) is not None}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family after the other."""
        free = GaugeMetricFamily("driftloop_disk_free_bytes", "Room left where a folder lies.", labels=["folder"])
        size = GaugeMetricFamily("driftloop_disk_size_bytes", "Size of what a folder lies on.", labels=["folder"])
        for name, path in self._folders.items():
            usage = shutil.disk_usage(_that_is_there(path))
            free.add_metric([name], float(usage.free))
            size.add_metric([name], float(usage.total))
        yield from (free, size)


def local_path(place: str | Path) -> Path | None:
    """The folder on this machine that a path or a URI means; None for one elsewhere.

    >>> local_path("file:///var/lake"), local_path("s3://bucket/lake"), local_path("lake")
    (PosixPath('/var/lake'), None, PosixPath('lake'))
    """
    if isinstance(place, Path):
        return place
    parts = urlsplit(place)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return None if parts.scheme else Path(place)


def _that_is_there(path: Path) -> Path:
    """The folder, or the nearest one above it, where it has not been made yet."""
    whole = path.absolute()
    return next(one for one in (whole, *whole.parents) if one.is_dir())
