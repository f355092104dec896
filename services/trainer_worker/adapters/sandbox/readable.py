"""Files that software reads: of the system, its own modules, and what it needs to reach other machines."""

import os
import re
import site
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from driftloop.contracts.topics import schemas_root
from driftloop.learners.entry_points import GROUP
from driftloop.learners.text.base import FOLDERS

SYSTEM = (
    "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/usr", "/opt/rocm", "/nix/store", "/gnu/store", "/proc", "/sys",
    "/etc/alternatives", "/etc/crypto-policies", "/etc/fonts", "/etc/group", "/etc/ld.so.cache", "/etc/ld.so.conf",
    "/etc/ld.so.conf.d", "/etc/localtime", "/etc/mime.types", "/etc/nsswitch.conf", "/etc/OpenCL", "/etc/os-release",
    "/etc/passwd", "/etc/pki/tls/openssl.cnf", "/etc/ssl/openssl.cnf", "/etc/timezone", "/etc/vulkan",
)  # fmt: skip
"""What programs and libraries read; nothing of it is secret. The rest of /etc is not read: keys lie there."""
NETWORK = (
    "/etc/gai.conf", "/etc/host.conf", "/etc/hostname", "/etc/hosts", "/etc/protocols", "/etc/resolv.conf",
    "/etc/services", "/etc/ca-certificates", "/etc/pki/ca-trust", "/etc/pki/tls/cert.pem", "/etc/pki/tls/certs",
    "/etc/ssl/cert.pem", "/etc/ssl/certs", "/var/lib/ca-certificates",
)  # fmt: skip
"""Names of machines, and the authorities that are trusted: without them no host is found and no TLS begins."""
_AUTHORITIES = ("AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE")
_CREDENTIALS = (
    "AWS_CONFIG_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE", "AZURE_CONFIG_DIR", "AZURE_FEDERATED_TOKEN_FILE", "BOTO_CONFIG", "CLOUDSDK_CONFIG",
    "FSSPEC_CONFIG_DIR", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT",
)  # fmt: skip
"""Variables of the environment that name files."""
_AT_HOME = (".aws", ".azure", ".config/fsspec", ".config/gcloud")
_ROTATED = "AWS_WEB_IDENTITY_TOKEN_FILE", "AZURE_FEDERATED_TOKEN_FILE"
"""These files are exchanged while a run lasts, so their folder is read."""


def of_network(*, storage: bool) -> list[str]:
    """What a process reads that speaks to other machines; with `storage` who it is at an object store as well."""
    named = _AUTHORITIES + (_CREDENTIALS if storage else ())
    files = [path for name in named for path in os.environ.get(name, "").split(os.pathsep) if path]
    if storage:
        files += [str(Path(os.environ[name]).parent) for name in _ROTATED if os.environ.get(name)]
        files += [str(Path.home() / name) for name in _AT_HOME]
    return [*NETWORK, *files]


def of_software() -> list[str]:
    """The system's files and the interpreter's, and folders of libraries and base models that variables name."""
    named = (os.environ.get(name, "").split(os.pathsep) for name in (FOLDERS, "LD_LIBRARY_PATH"))
    return [*SYSTEM, str(schemas_root()), *(path for paths in named for path in paths if path)]


def of_modules(data: Sequence[str]) -> tuple[list[str], list[str]]:
    """Where modules are found; and folders of it that hold data too.

    Of these (the folder in which the trainer was started, a project that is installed from its own folder) the
    modules are read one by one, and no other file.
    """
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values(), *site.getsitepackages()}
    found = {os.path.realpath(entry or ".") for entry in sys.path}
    places = prefixes | found | set(_installed_elsewhere())
    mixed = sorted(place for place in places if _holds(place, data))
    inside = [module for place in mixed for module in _modules_in(place, data)]
    return [*sorted(places - set(mixed)), *inside], [place for place in mixed if place in found]


def _installed_elsewhere() -> Iterator[str]:
    """Packages whose folder stands in no path: of a project that is installed from its own folder (`pip install -e`),
    and of learners if there are other finders of modules than Python's and setuptools' (asking takes 10 ms)."""
    for name, module in list(sys.modules.items()):
        if name.startswith("__editable__"):
            yield from map(os.path.realpath, getattr(module, "MAPPING", {}).values())
    if not [finder for finder in sys.meta_path if _home_of(finder) not in _KNOWN_FINDERS]:
        return
    for top in sorted({re.split(r"[.:]", entry.value)[0].strip() for entry in entry_points(group=GROUP)}):
        with suppress(ImportError, ValueError):  # what cannot be found is told where its learner is asked for
            spec = find_spec(top)
            places = [] if spec is None else spec.submodule_search_locations or [spec.origin or ""]
            yield from (os.path.realpath(place) for place in places if place)


_KNOWN_FINDERS = ("_distutils_hack", "_frozen_importlib", "_frozen_importlib_external", "setuptools", "six")


def _home_of(finder: object) -> str:
    """The top of the module that a finder is from; of all that setuptools makes, its own."""
    told = str(getattr(finder, "__module__", None) or type(finder).__module__)
    return "setuptools" if told.startswith("__editable__") else told.partition(".")[0]


def _holds(place: str, data: Sequence[str]) -> bool:
    return any(Path(root).is_relative_to(place) for root in data)


def _modules_in(place: str, data: Sequence[str]) -> Iterator[str]:
    try:
        entries = sorted(Path(place).iterdir())
    except OSError:
        return
    for entry in entries:
        is_module = entry.suffix == ".py" or entry.name.endswith(tuple(EXTENSION_SUFFIXES))
        if (is_module or (entry / "__init__.py").is_file()) and not _holds(str(entry), data):
            yield str(entry)
