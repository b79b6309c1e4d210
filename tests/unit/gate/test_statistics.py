import math

import pytest

from fmnist.gate.statistics import (
    PairedTest,
    detectable_loss,
    max_lost,
    p_value,
    paired_difference,
    proportion,
)


def _against(lost: int, gained: int, margin: int = 0) -> PairedTest:
    return PairedTest(lost, gained, 10_000, margin, significance=0.05)


# p from exact sums of binomial coefficients, as rationals.
@pytest.mark.parametrize(
    ("lost", "gained"), [(0, 0), (5, 0), (4, 0), (60, 40), (59, 41), (300, 250), (10, 300), (1, 0)]
)
def test_the_p_value_is_that_of_exact_arithmetic(lost: int, gained: int) -> None:
    pairs = lost + gained
    exact = sum(math.comb(pairs, heads) for heads in range(lost, pairs + 1)) / 2**pairs
    assert p_value(lost, pairs) == pytest.approx(exact, rel=1e-9)
    assert (lost > max_lost(pairs, 0.05)) is (exact <= 0.05)


@pytest.mark.parametrize(
    ("lost", "gained", "passes"),
    [
        (0, 0, True),
        (4, 0, True),
        (5, 0, False),
        (58, 42, True),
        (59, 41, False),
        (280, 280, True),
        (250, 310, True),
        (340, 260, False),
    ],
)
def test_a_significant_loss_is_not_allowed(lost: int, gained: int, passes: bool) -> None:
    test = _against(lost, gained)
    assert (lost <= test.allowed) is passes
    assert ((gained - lost) / 10_000 >= test.bound) is passes


def test_the_explanation_states_the_power() -> None:
    explanation = _against(290, 260).explanation("version 3")
    assert "260 are correct only here and 290 only in version 3, where at most 294 are allowed" in explanation
    assert "a true loss of 0.63 points would be detected with a power of 85%" in explanation


def test_models_that_hardly_differ_tell_nothing() -> None:
    assert "too few images" in _against(1, 1).explanation("version 3")


def test_the_stated_power_is_reached_and_not_by_less() -> None:
    pairs, images, significance = 600, 10_000, 0.05
    loss = detectable_loss(pairs, 0, images, significance, 0.85)
    least = max_lost(pairs, significance) + 1

    def refused(share: float) -> float:
        chance = (1 + share * images / pairs) / 2
        return sum(
            math.comb(pairs, lost) * chance**lost * (1 - chance) ** (pairs - lost)
            for lost in range(least, pairs + 1)
        )

    assert refused(loss) == pytest.approx(0.85, abs=1e-4)
    assert refused(0) <= significance
    assert detectable_loss(pairs, 50, images, significance, 0.85) > loss + 0.004


@pytest.mark.parametrize(
    ("lost", "gained", "passes"), [(320, 280, True), (345, 255, True), (370, 230, False), (50, 0, True)]
)
def test_a_margin_is_forgiven(lost: int, gained: int, passes: bool) -> None:
    test = _against(lost, gained, margin=50)
    assert (lost <= test.allowed) is passes
    assert "with a margin of 50 images" in test.explanation("version 3")


def test_shares_have_wilsons_interval() -> None:
    estimate = proportion(920, 1000)
    assert estimate.value == 0.92
    assert estimate.uncertainty is not None
    assert (estimate.uncertainty.low, estimate.uncertainty.high) == pytest.approx((0.9015, 0.9353), abs=1e-4)
    certain = proportion(10, 10).uncertainty
    assert certain is not None
    assert (certain.low, certain.high) == pytest.approx((0.7225, 1.0), abs=1e-4)


def test_differences_of_pairs_have_an_interval_around_them() -> None:
    estimate = paired_difference(gained=40, lost=100, of=10_000)
    assert estimate.value == -0.006
    assert estimate.uncertainty is not None
    assert (estimate.uncertainty.low, estimate.uncertainty.high) == pytest.approx(
        (-0.0083, -0.0037), abs=1e-4
    )


def test_a_chance_too_small_to_be_told_is_not_told_as_none() -> None:
    assert "p < 1e-15" in _against(8114, 77).explanation("version 3")
    assert "p = 0.0" in _against(60, 40).explanation("version 3")
