import math
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fmnist.core.dataset import Images
from fmnist.errors import PayloadError
from fmnist.serving.codecs.pixels import MAX_IMAGES, images_from_numbers

RANDOM = np.random.default_rng(0)
ONE = RANDOM.integers(0, 256, (28, 28), np.uint8)
THREE = RANDOM.integers(0, 256, (3, 28, 28), np.uint8)
SHAPES: list[tuple[int, ...]] = [
    (784,), (28, 28), (28, 28, 1), (1, 784), (1, 28, 28), (3, 784), (3, 28, 28), (3, 28, 28, 1)
]  # fmt: skip


def refused(values: object, declared: object = None) -> PayloadError:
    with pytest.raises(PayloadError) as caught:
        images_from_numbers(values, declared)
    return caught.value


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_every_shape_nested_and_flat_gives_the_same_images(shape: tuple[int, ...], dtype: type) -> None:
    expected = (THREE if math.prod(shape) > 784 else ONE).reshape(-1, 28, 28)
    values: NDArray[Any] = expected.reshape(shape).astype(dtype)
    for given_values, declared in [
        (values.tolist(), None),
        (values.tolist(), list(shape)),
        (values.ravel().tolist(), list(shape)),
    ]:
        images = images_from_numbers(given_values, declared)
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(images, expected)


def with_pixel(value: object) -> list[object]:
    return [0] * 30 + [value] + [0] * 753


@pytest.mark.parametrize(
    ("value", "reason", "says"),
    [
        (256, "BAD_RANGE", "256 at position 30 (row 1, column 2 of image 0)"),
        (-1, "BAD_RANGE", "-1 at position 30"),
        (300.0, "BAD_RANGE", "300.0"),
        (math.nan, "BAD_RANGE", "nan"),
        (math.inf, "BAD_RANGE", "inf"),
        (10**30, "BAD_RANGE", "18 digits"),
        (12.5, "BAD_TYPE", "12.5"),
        (True, "BAD_TYPE", "true or false"),
        ("7", "BAD_TYPE", "text"),
        (None, "BAD_TYPE", "null"),
        ({}, "BAD_TYPE", "an object"),
        ([], "BAD_SHAPE", "ragged"),
    ],
)
def test_a_bad_pixel_is_named(value: object, reason: str, says: str) -> None:
    error = refused(with_pixel(value))
    assert error.reason == reason
    assert error.http_status == 400
    assert says in str(error)
    assert "expected" in str(error)


def test_huge_float_among_floats_is_out_of_range() -> None:
    assert refused([10**400, *[0.5] * 783]).reason == "BAD_RANGE"


def test_pixels_scaled_to_0_1_get_the_hint() -> None:
    error = refused((ONE / 255).tolist())
    assert error.reason == "BAD_RANGE"
    assert "scaled to 0-1" in str(error)


def test_black_and_white_as_floats_is_no_mistake() -> None:
    assert images_from_numbers([0.0, 1.0] * 392).sum() == 392


@pytest.mark.parametrize(
    ("values", "declared", "reason"),
    [
        ([], None, "EMPTY"),
        ([[], []], None, "EMPTY"),
        ([0] * 783, None, "BAD_SHAPE"),
        ([0] * 784, [28, 29], "BAD_SHAPE"),
        ([0] * 784, [14, 56], "BAD_SHAPE"),
        ([[0] * 784], [28, 28], "BAD_SHAPE"),
        ([0] * 784, "28,28", "BAD_SHAPE"),
        ([0] * 784, [], "BAD_SHAPE"),
        ([0] * 784, [-28, -28], "BAD_SHAPE"),
        ([0] * 784, [28.0, 28], "BAD_SHAPE"),
        ([0] * 784, [True, 784], "BAD_SHAPE"),
        ([0] * 784, [10**30, 784], "BAD_SHAPE"),
        ([0] * 784, [1, 1, 1, 28, 28], "BAD_SHAPE"),
        ([[0] * 28] * 27, None, "BAD_SHAPE"),
        ([[0] * 28] * 27 + [[0] * 27], None, "BAD_SHAPE"),
        ([[[[[0]]]]], None, "BAD_SHAPE"),
        ("0" * 784, None, "BAD_TYPE"),
        (None, None, "BAD_TYPE"),
        (7, [28, 28], "BAD_TYPE"),
    ],
)
def test_a_bad_shape_is_named(values: object, declared: object, reason: str) -> None:
    error = refused(values, declared)
    assert error.reason == reason
    assert "expected" in str(error)


def test_too_many_images_is_413() -> None:
    one = [0] * 784
    assert len(images_from_numbers([one] * MAX_IMAGES)) == MAX_IMAGES
    error = refused([one] * (MAX_IMAGES + 1))
    assert (error.reason, error.http_status) == ("TOO_LARGE", 413)


def test_no_loop_runs_over_pixels() -> None:
    image = ONE.tolist()
    start = time.perf_counter()
    for _ in range(100):
        images_from_numbers(image, [28, 28])
    assert (time.perf_counter() - start) / 100 < 0.002


LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3))
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
)


def outcome(values: object, declared: object = None) -> Images | PayloadError:
    try:
        return images_from_numbers(values, declared)
    except PayloadError as error:
        return error


@given(VALUES, VALUES)
def test_any_json_is_images_or_a_payload_error(values: object, declared: object) -> None:
    result = outcome(values, declared)
    if isinstance(result, PayloadError):
        assert result.http_status in (400, 413)
    else:
        assert result.shape[1:] == (28, 28)


@given(LEAVES | st.integers(-2, 260), st.sampled_from([0, 255, 0.0, 255.0]))
def test_a_pixel_comes_through_as_it_was_sent_or_not_at_all(value: Any, background: float) -> None:
    values = [background] * 30 + [value] + [background] * 753
    result = outcome(values)
    is_pixel = type(value) in (int, float) and value in range(256)
    assert isinstance(result, PayloadError) is not is_pixel
    if not isinstance(result, PayloadError):
        assert result.ravel().tolist() == values
