import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fmnist.core.fashion_mnist import CLASSES, GROUPS
from fmnist.core.metrics import score

COUNT = len(CLASSES)


def certain(predicted: list[int]) -> NDArray[np.float32]:
    return np.eye(COUNT, dtype=np.float32)[predicted]


def labels(values: list[int]) -> NDArray[np.uint8]:
    return np.array(values, np.uint8)


def test_all_right() -> None:
    every = list(range(COUNT))
    scores = score(certain(every), labels(every))
    assert scores.accuracy == scores.macro_precision == scores.macro_recall == scores.macro_f1 == 1
    assert set(scores.group_accuracy.values()) == {1.0}
    assert (scores.confusion == np.eye(COUNT)).all()


def test_a_class_never_predicted_has_precision_zero() -> None:
    scores = score(certain([1, 1, 1]), labels([1, 1, 0]))
    assert scores.precision[0] == 0
    assert scores.precision[1] == pytest.approx(2 / 3)
    assert scores.recall[:2] == (0, 1)
    assert scores.macro_f1 == pytest.approx(2 * (2 / 3) / (2 / 3 + 1) / COUNT)


def test_group_is_right_when_its_summed_probability_is_largest() -> None:
    # Dress is the most probable class, but the four classes of the upper part outweigh it together.
    probabilities = np.zeros((1, COUNT), np.float32)
    probabilities[0, [0, 2, 4, 6]] = 0.15
    probabilities[0, 3] = 0.4
    scores = score(probabilities, labels([6]))
    assert scores.accuracy == 0
    assert scores.group_accuracy["upper part"] == scores.groups_accuracy == 1


def test_the_groups_are_scored_as_classes_of_their_own() -> None:
    # Pullover for coat is right by group; a dress taken for a sandal and a bag for a dress are wrong.
    scores = score(certain([2, 5, 3, 8, 1]), labels([4, 3, 8, 8, 1]))
    assert scores.accuracy == pytest.approx(2 / 5)
    assert scores.groups_accuracy == pytest.approx(3 / 5)
    # upper part 1, bottom part 1, one piece 0, footwear 0, bags 2/3
    assert scores.groups_macro_f1 == pytest.approx((1 + 1 + 0 + 0 + 2 / 3) / 5)
    assert scores.group_accuracy == {
        "upper part": 1,
        "bottom part": 1,
        "one piece": 0,
        "footwear": 0,
        "bags": 0.5,
    }


def test_scalars_name_every_group() -> None:
    names = set(score(certain([0]), labels([0])).scalars())
    assert {f"accuracy_{name.replace(' ', '_')}" for name in GROUPS} < names
    assert {"accuracy", "macro_precision", "macro_recall", "macro_f1"} < names
    assert {"groups_accuracy", "groups_macro_f1"} < names


@settings(deadline=None)  # a busy machine is no error
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=60))
def test_agrees_with_counting_by_hand(pairs: list[tuple[int, int]]) -> None:
    scores = score(certain([predicted for _, predicted in pairs]), labels([true for true, _ in pairs]))
    precision, recall, f1 = [], [], []
    for number in range(COUNT):
        hits = sum(pair == (number, number) for pair in pairs)
        said, is_ = sum(p == number for _, p in pairs), sum(t == number for t, _ in pairs)
        precision.append(hits / said if said else 0)
        recall.append(hits / is_ if is_ else 0)
        f1.append(2 * hits / (said + is_) if said + is_ else 0)
        assert scores.confusion[number].sum() == is_
    assert scores.accuracy == pytest.approx(sum(t == p for t, p in pairs) / len(pairs))
    assert scores.precision == pytest.approx(precision)
    assert scores.recall == pytest.approx(recall)
    assert scores.macro_precision == pytest.approx(sum(precision) / COUNT)
    assert scores.macro_f1 == pytest.approx(sum(f1) / COUNT)
