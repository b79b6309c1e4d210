"""Tests know no server that people work with, and contract-real leaves nothing of its own there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fmnist import settings
from fmnist import wiring as engines
from fmnist.settings import PROJECT
from tests.support.bundles import make_bundle
from tests.support.determined.server import serving
from tests.support.determined.versions import removed_afterwards

PLANTED = {
    "DET_MASTER": "http://127.0.0.1:9",
    "PACHD_ADDRESS": "grpc://127.0.0.1:9",
    "FMNIST_TRACKING_URI": "postgresql://127.0.0.1:9/mlflow",
    "FMNIST_HOME": "/nowhere",
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
    "WANDB_API_KEY": "0" * 40,
    "AWS_PROFILE": "work",
    "KUBECONFIG": "/nowhere/config",
}


@pytest.mark.skipif("PLANTED_HERE" not in os.environ, reason="the next test starts it with variables planted")
def test_no_planted_variable_arrives() -> None:
    assert [name for name in PLANTED if name in os.environ] == []
    found = settings.from_environment()
    assert (found.determined, found.pachd, found.home) == (None, None, PROJECT / ".fmnist")


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_planted_variables_reach_no_test(workers: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *workers]
    run = subprocess.run(
        [*command, f"{__file__}::test_no_planted_variable_arrives"],
        env={**os.environ, **PLANTED, "PLANTED_HERE": "1"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert "1 passed" in run.stdout, run.stdout + run.stderr


def test_what_contract_tests_make_at_a_master_is_removed(tmp_path: Path) -> None:
    with serving(tmp_path / "storage") as master:
        place = {
            "FMNIST_HOME": str(tmp_path / "home"),
            "FMNIST_CHECKPOINT_STORAGE": str(tmp_path / "storage"),
        }
        environment = {**place, **master.environment()}
        registry = engines.model_registry(settings.from_environment(environment))
        registry.register("kept", make_bundle(tmp_path / "kept"))
        before = set(master.records.experiments)
        with removed_afterwards(environment):
            registry.register("made", make_bundle(tmp_path / "made", seed=1))
            assert set(master.records.models) == {"kept", "made"}
        assert set(master.records.models) == {"kept"}
        assert set(master.records.experiments) == before
