import numpy as np
import pytest

from fmnist.core.fashion_mnist import CLASSES
from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.training.backend import prepare
from fmnist.training.network import build
from tests.support.networks import SMALL
from tests.unit.training.test_train import THREADS


@pytest.fixture(autouse=True)
def _threads() -> None:
    """TensorFlow takes a thread count once per process: the one of the other tests."""
    prepare(THREADS)


def hyperparameters(network: str) -> Hyperparameters:
    return Hyperparameters.read({**SMALL, "network": network, "width": 32})


def test_the_baseline_is_the_one_that_users_know() -> None:
    assert build(hyperparameters("baseline"), seed=0).count_params() == 246_666


@pytest.mark.parametrize("network", ["baseline", "modern", "residual"])
def test_pixels_in_probabilities_out(network: str) -> None:
    model = build(hyperparameters(network), seed=0)
    assert (model.inputs[0].name, model.inputs[0].dtype, model.inputs[0].shape) == (
        "image",
        "uint8",
        (None, 28, 28),
    )
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
    probabilities = np.asarray(model(images))
    assert probabilities.shape == (5, len(CLASSES))
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)


def test_the_modern_network_is_the_smaller() -> None:
    small, large = (build(hyperparameters(name), seed=0).count_params() for name in ("modern", "baseline"))
    assert small < large


def test_the_seed_decides_the_weights() -> None:
    first, again, other = (build(hyperparameters("modern"), seed).get_weights() for seed in (0, 0, 1))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))
