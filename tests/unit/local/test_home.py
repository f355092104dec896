import os

import pytest

from driftloop.errors import UserError
from driftloop.tools.cli.status import services
from driftloop.tools.local.home import Home


def test_a_home_holds_one_loop_at_a_time(tmp_path):
    home = Home(tmp_path / "loop").make()
    with home.locked(), pytest.raises(UserError, match="already runs"), home.locked():
        pass
    with home.locked():
        pass


def test_what_runs_is_said_and_taken_back(tmp_path):
    home = Home(tmp_path).make()
    assert home.running() is None
    home.write_running({"pid": 1})
    assert home.running() == {"pid": 1}
    home.clear_running()
    assert home.running() is None


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made"):
        Home(tmp_path / "file" / "loop").make()


@pytest.mark.parametrize(
    ("pid", "alive"), [(None, False), (0, False), (os.getpid(), True)], ids=["unknown", "never started", "this one"]
)
def test_a_service_whose_start_failed_is_not_alive(tmp_path, pid, alive):
    Home(tmp_path).make().write_running({"services": {"drift_detection": {"pid": pid, "port": 1}}})
    assert services(tmp_path)["drift_detection"]["alive"] is alive
