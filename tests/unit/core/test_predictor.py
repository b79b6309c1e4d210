import dataclasses
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist.core.bundle import Bundle, KnownAnswer
from fmnist.core.predictor import Predictor
from fmnist.errors import IntegrityError
from tests.support.bundles import make_bundle

WEIGHTS: NDArray[np.float32] = np.random.default_rng(1).normal(0, 0.1, (784, 10)).astype(np.float32)
IMAGES = np.random.default_rng(2).integers(0, 256, (100, 28, 28), np.uint8)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("bundle"), weights=WEIGHTS)


@pytest.mark.parametrize("count", [1, 31, 32, 33, 100])
def test_it_computes_what_the_graph_says(bundle: Bundle, count: int) -> None:
    images = IMAGES[:count]
    logits = images.reshape(-1, 784) / 255 @ WEIGHTS
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    probabilities = Predictor(bundle).predict(images)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


def test_the_known_picture_gives_the_known_answer(bundle: Bundle) -> None:
    predictor = Predictor(bundle)
    assert predictor.differences_from_golden_sample() == []
    predictor.check_golden_sample()


@pytest.mark.parametrize("difference", [2e-4, float("nan")])
def test_another_answer_is_named(bundle: Bundle, difference: float) -> None:
    known = bundle.metadata.known_answer
    values = (known.probabilities[0] + difference, *known.probabilities[1:])
    changed = dataclasses.replace(bundle.metadata, known_answer=KnownAnswer(known.image, values))
    with pytest.raises(IntegrityError, match=r"T-shirt/top \d.* instead of"):
        Predictor(dataclasses.replace(bundle, metadata=changed)).check_golden_sample()


def test_a_graph_that_does_not_load_is_named(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"junk")
    with pytest.raises(IntegrityError, match=r"model\.onnx: ONNX Runtime does not load it"):
        Predictor(dataclasses.replace(bundle, folder=tmp_path))


def test_one_image_is_quick(bundle: Bundle) -> None:
    predictor = Predictor(bundle)
    seconds = []
    for _ in range(200):
        start = time.perf_counter()
        predictor.predict(IMAGES[:1])
        seconds.append(time.perf_counter() - start)
    assert np.median(seconds) < 0.001
