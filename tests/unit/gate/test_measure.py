from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fmnist.core.fashion_mnist import CLASSES
from fmnist.files.documents import parse_record
from fmnist.gate.comparison import classified_correctly, compare
from fmnist.gate.corruptions import CORRUPTIONS
from fmnist.gate.evidence import Evidence, to_bytes
from fmnist.gate.measure import measure
from fmnist.gate.policy import read_policy
from fmnist.gate.test_data import DataFacts
from fmnist.settings import PROJECT
from tests.support.blocks import block_images, block_weights
from tests.support.bundles import make_bundle

_POLICY = read_policy(PROJECT / "gate.yaml")
_FACTS = DataFacts(commits_ahead=None, shared_images=0, synthetic=False)
_NUMBERS = np.arange(10)


def test_a_model_that_knows_every_image(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", weights=block_weights())
    measured = measure(bundle, block_images(per_class=120), _FACTS, _POLICY)
    found = measured.measurement
    assert (found.accuracy.value, found.macro_f1.value) == (1.0, 1.0)
    assert [recall.value for recall in found.recall] == [1.0] * 10
    assert (found.images, found.unusable, found.golden_sample_differs, found.classes) == (1200, 0, 0, CLASSES)
    assert found.size_bytes == bundle.onnx.stat().st_size
    assert 0 < found.latency_ms < 100
    assert found.translation_consistency.value == 1.0
    assert found.drops[list(CORRUPTIONS).index("blur")].value == 0.0
    assert measured.correct.all()
    assert measured.evidence.errors == ()


def test_a_model_that_always_says_the_same(tmp_path: Path) -> None:
    bundle = make_bundle(
        tmp_path / "bundle", weights=np.zeros((784, 10), np.float32), bias=-_NUMBERS.astype("f4")
    )
    measured = measure(bundle, block_images(per_class=7), _FACTS, _POLICY)
    found = measured.measurement
    assert found.accuracy.value == 0.1
    assert [recall.value for recall in found.recall] == [1.0, *(0.0,) * 9]
    assert [drop.value for drop in found.drops] == [0.0] * 5
    assert measured.evidence.confusion == tuple((7, *(0,) * 9) for _ in CLASSES)
    assert len(measured.evidence.errors) == 60


def test_intervals_hold_their_values(tmp_path: Path) -> None:
    weights = block_weights()
    weights[:, :4] *= 0.01
    bundle = make_bundle(tmp_path / "bundle", weights=weights)
    found = measure(bundle, block_images(per_class=30), _FACTS, _POLICY).measurement
    assert 0.1 < found.accuracy.value < 1
    for estimate in (
        *(found.accuracy, found.macro_precision, found.macro_recall, found.macro_f1, *found.recall),
        *(found.translation_consistency, *found.drops),
    ):
        assert estimate.uncertainty is not None
        assert estimate.uncertainty.low <= estimate.value <= estimate.uncertainty.high


def test_a_model_that_does_not_know_its_golden_sample_is_told(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", weights=block_weights())
    golden = replace(bundle.metadata.known_answer, probabilities=(0.5, 0.5, *(0.0,) * 8))
    other = replace(bundle, metadata=replace(bundle.metadata, known_answer=golden))
    found = measure(other, block_images(per_class=3), _FACTS, _POLICY).measurement
    assert found.golden_sample_differs >= 2


def test_two_versions_are_compared_image_by_image(tmp_path: Path) -> None:
    data = block_images(per_class=10)
    blind = {}
    for name, classes in (("candidate", [0, 1]), ("champion", [1, 2, 3])):
        weights = block_weights()
        weights[:, classes] = 0
        blind[name] = make_bundle(tmp_path / name, weights=weights)
    candidate, champion = (classified_correctly(blind[name], data) for name in ("candidate", "champion"))
    comparison = compare(4, champion, candidate, data.labels)
    assert (comparison.version, comparison.images) == (4, 100)
    assert (comparison.lost, comparison.gained) == (10, 20)
    assert comparison.accuracy == pytest.approx(0.7)
    assert comparison.recall == (1, 0, 0, 0, 1, 1, 1, 1, 1, 1)


def test_evidence_is_written_and_read_back(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    data = block_images(per_class=8)
    measured = measure(bundle, data, _FACTS, _POLICY)
    written = to_bytes(measured.evidence)
    assert parse_record(written, Evidence, "here", 1) == measured.evidence
    assert to_bytes(measure(bundle, data, _FACTS, _POLICY).evidence) == written
