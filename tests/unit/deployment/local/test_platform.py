from pathlib import Path

import pytest

from fmnist.deployment.local import loopback
from fmnist.deployment.local.platform import LocalPlatform
from fmnist.deployment.local.processes import Sessions
from fmnist.errors import ConfigError
from fmnist.settings import PROJECT


def test_its_address_is_known_before_anything_runs(tmp_path: Path) -> None:
    platform = LocalPlatform(tmp_path / "serving", 8123, PROJECT)
    assert platform.url == "http://127.0.0.1:8123/seldon/default/fashion-classifier"
    assert platform.deployments() == []
    assert platform.servers() == []
    assert platform.stop() == 0


def test_it_stops_what_runs_without_a_manifest_or_a_record(tmp_path: Path) -> None:
    folder = tmp_path / "serving"
    folder.mkdir()
    sessions = Sessions(folder)
    sessions.start(["/bin/sleep", "60"], variables={}, cwd=folder, log=folder / "log")
    (folder / "state.json").write_text("{")
    platform = LocalPlatform(folder, loopback.free_ports(1)[0], tmp_path)
    with pytest.raises(ConfigError, match=r"deploy\.yaml"):
        _ = platform.url
    assert platform.stop() == 1
    assert sessions.running() == []
    assert platform.servers() == []
