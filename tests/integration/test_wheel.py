"""What is built is what works: the wheel, installed where there is no checkout."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("outcome_ingestion", "drift_detection", "retrain_coordinator", "trainer_worker", "operations_console")


def run(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with the wheel, and with what it depends on from ours."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    wheel = next(folder.glob("*.whl"))
    install = ("install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "--python", python, *install, wheel, cwd=folder)
    site_packages = next((folder / "venv").glob("lib/python3*/site-packages"))
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def test_the_installed_command_answers(installed: Path, tmp_path: Path):
    assert "Watches models in production" in run(installed / "driftloop", "--help", cwd=tmp_path)


def test_the_installed_schemas_are_whole(installed: Path, tmp_path: Path):
    assert "agree" in run(installed / "driftloop", "schemas", "check", cwd=tmp_path)
    script = "from driftloop.contracts.topics import schemas_root; print(schemas_root())"
    assert Path(run(installed / "python", "-c", script, cwd=tmp_path).strip()).name == "_schemas"


def test_every_service_is_in_the_wheel_and_nothing_comes_from_the_checkout(installed: Path, tmp_path: Path):
    names = ("driftloop", *SERVICES)
    script = f"import {', '.join(names)}; print(*({'.__file__, '.join(names)}.__file__), sep='\\n')"
    files = [Path(line) for line in run(installed / "python", "-c", script, cwd=tmp_path).split()]
    assert all(installed.parent in file.parents for file in files)


def test_the_wheel_says_that_it_is_typed_and_licensed(installed: Path):
    site_packages = next(installed.parent.glob("lib/python3*/site-packages"))
    assert (site_packages / "driftloop" / "py.typed").is_file()
    metadata = next(site_packages.glob("driftloop-*.dist-info/METADATA")).read_text()
    assert "License-Expression: Apache-2.0" in metadata


def test_presets_and_other_data_files_are_in_the_wheel(installed: Path):
    site_packages = next(installed.parent.glob("lib/python3*/site-packages"))
    data = [
        path.relative_to(root)
        for root in (ROOT / "shared", ROOT / "services")
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    assert [path for path in data if not (site_packages / path).is_file()] == []
