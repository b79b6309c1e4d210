"""The whole path, walked as a newcomer walks it: `fmnist demo`, then the README's own snippet."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import CLASSES, KERAS_CACHE, MODEL_NAME, TEST, TRAIN, Split
from fmnist.data import synthetic
from fmnist.data.base import SYNTHETIC_MARKER
from fmnist.data.formats.idx import write_idx
from fmnist.settings import PROJECT

ANKLE_BOOT = CLASSES.index("Ankle boot")
FMNIST = Path(sys.executable).with_name("fmnist")


@dataclass(frozen=True)
class Walked:
    environment: dict[str, str]
    report: dict[str, Any]


def write_split(folder: Path, split: Split, dataset: Dataset) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / split.images.name).write_bytes(write_idx(dataset.images))
    (folder / split.labels.name).write_bytes(write_idx(dataset.labels))


def boots_first(dataset: Dataset) -> Dataset:
    """The official test data begins with an ankle boot too."""
    order = np.argsort(dataset.labels != ANKLE_BOOT, kind="stable")
    return Dataset(dataset.images[order], dataset.labels[order])


def lenient_policy(path: Path) -> Path:
    """The shipped policy, with bounds that a minute's training on drawn garments can be sure to meet."""
    policy = yaml.safe_load((PROJECT / "gate.yaml").read_text())
    policy |= {"accuracy": 0.7, "macro_precision": 0.5, "macro_recall": 0.5, "macro_f1": 0.5}
    policy |= {
        "recall": {"every_class": 0.0, "exceptions": {}},
        "min_images": 100,
        "translation_consistency": 0.0,
    }
    policy |= {"calibration_error": 1.0, "drop": dict.fromkeys(policy["drop"], 1.0), "latency_ms": 50.0}
    path.write_text(yaml.safe_dump(policy))
    return path


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def run(command: list[str | Path], environment: dict[str, str], seconds: int = 240) -> str:
    done = subprocess.run(
        command, env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=seconds
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walked]:
    folder = tmp_path_factory.mktemp("demo")
    source = folder / "source"
    keras = folder / "keras"
    test_data = boots_first(synthetic.draw(400, seed=2))
    write_split(source, TRAIN, synthetic.draw(1500, seed=1))
    write_split(source, TEST, test_data)
    (source / SYNTHETIC_MARKER).touch()
    for split in (TRAIN, TEST):
        write_split(keras / KERAS_CACHE, split, test_data)
    environment = {
        **os.environ,
        "FMNIST_HOME": str(folder / "home"),
        "FMNIST_SOURCE": str(source),
        "FMNIST_GATEWAY_PORT": str(free_port()),
        "KERAS_HOME": str(keras),
    }
    policy = lenient_policy(folder / "policy.yaml")
    try:
        report = folder / "reports" / "demo.json"
        run([FMNIST, "demo", "--policy", policy, "--report", report], environment)
        yield Walked(environment, json.loads(report.read_text()))
    finally:
        run([FMNIST, "down"], environment)


def test_the_report_says_what_was_served(walked: Walked) -> None:
    report = walked.report
    assert report["model_version"] == 1
    assert report["accuracy"] >= 0.7
    assert report["lineage"]["gate"]["passed"] is True
    assert report["lineage"]["gate"]["accuracy"] == pytest.approx(report["accuracy"], abs=0.005)
    assert report["lineage"]["parent_run"]
    steps = ["Data commit", "Search", "Train on", "Model version", "Gate", "Deploy", "Predict"]
    assert [step["name"] for step in report["steps"]] == steps
    assert len(report["answers"]) == 10


@dataclass(frozen=True)
class Printed:
    """By the README's snippet and by three verbs."""

    snippet: str
    prediction: str
    lineage: str
    log: str


@pytest.fixture(scope="module")
def printed(walked: Walked) -> Printed:
    """Two at a time: each takes seconds to load."""
    (snippet,) = re.findall(r"```python\n(.*?)```", (PROJECT / "README.md").read_text(), flags=re.DOTALL)
    own_port = snippet.replace("8080", walked.environment["FMNIST_GATEWAY_PORT"])
    commands: list[list[str | Path]] = [
        [sys.executable, "-c", own_port],
        [FMNIST, "predict", "--test", "1", "--json"],
        [FMNIST, "lineage", "1", "--json"],
        [FMNIST, "data", "log", TRAIN.repo, "--json"],
    ]
    with ThreadPoolExecutor(2) as threads:
        return Printed(*threads.map(lambda command: run(command, walked.environment), commands))


def test_what_is_served_names_its_data_commit(walked: Walked, printed: Printed) -> None:
    (answer,) = json.loads(printed.prediction)
    lineage = json.loads(printed.lineage)
    assert answer["tags"]["train_data_commit"] == lineage["train_data_commit"]
    assert answer["tags"]["run"] == lineage["run"] == walked.report["lineage"]["run"]
    assert answer["tags"]["data_origin"] == walked.report["dataset"]
    (newest, *_) = json.loads(printed.log)
    assert newest["id"] == lineage["train_data_commit"]


def test_the_readmes_snippet_sees_an_ankle_boot(printed: Printed) -> None:
    lines = printed.snippet.splitlines()
    assert "Ankle boot" in lines[-2]
    assert f"'model': '{MODEL_NAME}'" in lines[-1]


def test_down_leaves_nothing_behind(walked: Walked) -> None:
    run([FMNIST, "down"], walked.environment)
    assert json.loads(run([FMNIST, "status", "--json"], walked.environment)) == {
        "deployments": [],
        "servers": [],
    }
