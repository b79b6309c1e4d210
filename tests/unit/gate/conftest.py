"""A home with data and versions, made once: opening its registry takes seconds."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from fmnist import wiring as engines
from fmnist.core.fashion_mnist import MODEL_NAME
from fmnist.data.base import Commit
from fmnist.gate.corruptions import CORRUPTIONS
from fmnist.gate.policy import Policy, read_policy
from fmnist.registry.base import ModelRegistry
from fmnist.settings import PROJECT, Settings
from tests.support.blocks import block_images, block_weights, put_test_data, put_train_data, trained_on
from tests.support.bundles import make_bundle
from tests.support.homes import make_home


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with 1,000 test images, a good version 1 and a version 2 that is right in 1 of 10."""
    folder = tmp_path_factory.mktemp("gate")
    own = make_home(folder / "home")
    put_test_data(engines.data_store(own), block_images(per_class=100), folder / "files")
    train = put_train_data(engines.data_store(own), block_images(per_class=2, seed=1), folder / "train")
    registry = engines.model_registry(own)
    for name, weights in (("good", block_weights()), ("poor", np.zeros((784, 10), np.float32))):
        registry.register(MODEL_NAME, trained_on(make_bundle(folder / name, weights=weights), train))
    return own


@pytest.fixture(scope="package")
def registry(home: Settings) -> ModelRegistry:
    return engines.model_registry(home)


@pytest.fixture(scope="package")
def test_data(home: Settings) -> Commit:
    return engines.data_store(home).get("fmnist-test-raw")


@pytest.fixture(scope="package")
def train(home: Settings) -> Commit:
    return engines.data_store(home).get("fmnist-train-raw")


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    """The project's own, but for what depends on the machine or on real pictures."""
    path = tmp_path / "gate.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                **yaml.safe_load((PROJECT / "gate.yaml").read_text()),
                "latency_ms": 1e3,
                # A linear model falls for any shift of its blocks.
                "drop": dict.fromkeys(CORRUPTIONS, 1.0),
                "translation_consistency": 0.0,
                "calibration_error": 1.0,
            }
        )
    )
    return path


@pytest.fixture
def policy(policy_file: Path) -> Policy:
    return read_policy(policy_file)
