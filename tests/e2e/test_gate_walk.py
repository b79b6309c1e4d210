"""From data to the champion and back: what passes, what is refused and why, and what the report shows.

docs/gate.md walks the same way with real pictures and trained networks.
"""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from numpy.typing import NDArray

from fmnist import wiring as engines
from fmnist.cli.main import fmnist
from fmnist.core.bundle import Bundle
from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import CLASSES, MODEL_NAME, PIXELS, TEST, TRAIN
from fmnist.deployment.local import loopback
from fmnist.errors import GateRefused
from fmnist.gate.corruptions import CORRUPTIONS
from fmnist.settings import PROJECT, Settings
from tests.support.blocks import block_images, put_test_data, put_train_data, trained_on
from tests.support.bundles import make_bundle
from tests.support.homes import make_home

Weights = tuple[NDArray[np.float32], NDArray[np.float32]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """1,000 test and 2,000 training images; the machine's key, nothing registered."""
    own = make_home(tmp_path / "home")
    store = engines.data_store(own)
    put_test_data(store, block_images(per_class=100), tmp_path / "test")
    put_train_data(store, block_images(per_class=200, seed=1), tmp_path / "train")
    monkeypatch.setenv("FMNIST_HOME", str(own.home))
    monkeypatch.setenv("FMNIST_GATEWAY_PORT", str(loopback.free_ports(1)[0]))
    monkeypatch.delenv("FMNIST_GATE_KEY", raising=False)
    monkeypatch.delenv("FMNIST_TRACKING_URI", raising=False)
    yield own
    engines.platform(own).stop()


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """The project's, but for what a linear model of blocks cannot keep, and how busy the machine is."""
    bounds = yaml.safe_load((PROJECT / "gate.yaml").read_text())
    bounds |= {
        "latency_ms": 1e3,
        "drop": dict.fromkeys(CORRUPTIONS, 1.0),
        "translation_consistency": 0.0,
        "calibration_error": 1.0,
    }
    path = tmp_path / "gate.yaml"
    path.write_text(yaml.safe_dump(bounds))
    return path


def _run(*arguments: str) -> Any:
    """What a verb prints with --json, of one that ends well."""
    outcome = CliRunner().invoke(fmnist, [*arguments, "--json"], catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return json.loads(outcome.stdout)


def _refused(*arguments: str) -> tuple[str, Any]:
    outcome = CliRunner().invoke(fmnist, [*arguments, "--json"])
    assert isinstance(outcome.exception, GateRefused), outcome.output
    return str(outcome.exception), json.loads(outcome.stdout) if outcome.stdout else None


def _data(folder: Path) -> Dataset:
    pixels = (folder / "images-idx3-ubyte").read_bytes()[16:]
    labels = (folder / "labels-idx1-ubyte").read_bytes()[8:]
    return Dataset(
        np.frombuffer(pixels, np.uint8).reshape(-1, 28, 28), np.frombuffer(labels, np.uint8).copy()
    )


def _trained(data: Dataset) -> Weights:
    """Least squares on what ``data`` says, right or wrong."""
    inputs = data.images.reshape(-1, PIXELS) / 255
    weights, *_ = np.linalg.lstsq(inputs, 20 * np.eye(len(CLASSES))[data.labels], rcond=1e-3)
    return weights.astype(np.float32), np.zeros(len(CLASSES), np.float32)


def _worse(trained: Weights, test: Dataset, images: int) -> Weights:
    """Trained, but so shy of the last class that so many ``images`` of it are missed."""
    weights, bias = trained
    of_it = test.images[test.labels == len(CLASSES) - 1].reshape(-1, PIXELS) / 255
    answers = of_it @ weights
    margins = np.sort(answers[:, -1] - answers[:, :-1].max(axis=1))
    shy = bias.copy()
    shy[-1] = -margins[images - 1 : images + 1].mean()
    return weights, shy


def _registered(folder: Path, home: Settings, model: Weights) -> int:
    train = engines.data_store(home).get(TRAIN.repo)
    bundle: Bundle = trained_on(make_bundle(folder, weights=model[0], bias=model[1]), train)
    number: int = _run("models", "register", str(bundle.folder))["version"]
    return number


def test_good_shuffled_and_worse_versions_walk_through_the_gate(
    home: Settings, policy: Path, tmp_path: Path
) -> None:
    judged = ["gate", "--policy", str(policy), "--version"]
    _run("data", "checkout", TRAIN.repo, "--to", str(tmp_path / "checkout"))
    _run("data", "checkout", TEST.repo, "--to", str(tmp_path / "seen"))
    train, test = _data(tmp_path / "checkout"), _data(tmp_path / "seen")

    good = _registered(tmp_path / "good", home, _trained(train))
    assert _run(*judged, str(good))["passed"]
    assert _run("promote", str(good), "--policy", str(policy))["champion"]["version"] == good

    labels = np.random.default_rng(0).permutation(train.labels)
    (tmp_path / "checkout" / "labels-idx1-ubyte").write_bytes(
        struct.pack(">II", 0x801, len(labels)) + labels.tobytes()
    )
    _run("data", "put", TRAIN.repo, str(tmp_path / "checkout"), "-m", "labels shuffled")
    shuffled = _registered(tmp_path / "shuffled", home, _trained(_data(tmp_path / "checkout")))
    told, document = _refused(*judged, str(shuffled))
    broken = [rule["name"] for rule in document["rules"] if rule["outcome"] == "fail"]
    assert {"accuracy", "macro F1", "champion", "best version"} <= set(broken)
    assert all(name in told for name in broken)
    told, _ = _refused("promote", str(shuffled), "--policy", str(policy))
    assert "was refused by the gate: accuracy" in told

    worse = _registered(tmp_path / "worse", home, _worse(_trained(train), test, 10))
    told, document = _refused(*judged, str(worse))
    assert [rule["name"] for rule in document["rules"] if rule["outcome"] == "fail"] == ["champion"]
    assert f"10 only in version {good}" in told

    other = _registered(tmp_path / "other", home, _trained(Dataset(train.images[1:], train.labels[1:])))
    assert _run(*judged, str(other))["passed"]
    assert _run("promote", str(other), "--policy", str(policy))["champion"]["version"] == other
    assert _run("rollback", "--reason", "a try")["champion"]["version"] == good

    files = _run("report", "--out", str(tmp_path / "reports"))["files"]
    assert len(files) == 5
    report = json.loads((tmp_path / "reports" / "model-versions.json").read_text())
    assert [(one["version"], one["status"], one["serving"]) for one in report["versions"]] == [
        (other, "passed", "rolled back"),
        (worse, "refused", ""),
        (shuffled, "refused", ""),
        (good, "passed", "champion"),
    ]
    page = (tmp_path / "reports" / "model-versions.html").read_text()
    assert f"10 only in version {good}" in page
    assert MODEL_NAME in page
