import base64
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnist.core.fashion_mnist import CLASSES
from fmnist.errors import PayloadError
from fmnist.serving.codecs.seldon_v1 import (
    PredictionRequest,
    check_reward,
    read_feedback,
    read_request,
    write_response,
)

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 28, 28), np.uint8)
RAW = base64.b64encode(PIXELS.tobytes()).decode()
TENSOR = {"shape": [2, 28, 28], "values": PIXELS.tolist()}


@pytest.mark.parametrize(
    ("message", "form"),
    [
        ({"data": {"names": ["feature1"], "tensor": TENSOR}}, "tensor"),
        ({"data": {"ndarray": PIXELS.tolist()}}, "ndarray"),
        ({"data": {"ndarray": PIXELS.tolist(), "tensor": None}}, "ndarray"),
        ({"binData": RAW}, "ndarray"),
        ({"binData": (PIXELS.tobytes(),)}, "ndarray"),
        ({"binData": (PIXELS[0].tobytes(), PIXELS[1].tobytes())}, "ndarray"),
        (
            {
                "strData": (
                    base64.b64encode(PIXELS[0].tobytes()).decode(),
                    "data:;base64," + base64.b64encode(PIXELS[1].tobytes()).decode(),
                )
            },
            "ndarray",
        ),
        ({"strData": RAW}, "ndarray"),
    ],
)
def test_every_form_gives_the_same_images(message: object, form: str) -> None:
    request = read_request(message)
    np.testing.assert_array_equal(request.images, PIXELS)
    assert request.form == form


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({}, "EMPTY"),
        (None, "BAD_TYPE"),
        ([], "BAD_TYPE"),
        ({"jsonData": 1}, "BAD_FIELD"),
        ({"instances": []}, "BAD_FIELD"),
        ({"binData": RAW, "strData": RAW}, "BAD_FIELD"),
        ({"data": {}}, "EMPTY"),
        ({"data": {"tftensor": {}}}, "BAD_FIELD"),
        ({"data": {"tensor": TENSOR, "ndarray": []}}, "BAD_FIELD"),
        ({"data": {"tensor": {"values": [0] * 784}}}, "BAD_FIELD"),
        ({"data": {"tensor": []}}, "BAD_FIELD"),
        ({"data": []}, "BAD_TYPE"),
        ({"binData": 5}, "BAD_TYPE"),
        ({"binData": RAW.encode().decode("latin-1") + "\xff"}, "BAD_BASE64"),
        ({"binData": [RAW, RAW]}, "BAD_TYPE"),
        ({"binData": (PIXELS.tobytes(), b"")}, "EMPTY"),
        ({"strData": "what?"}, "BAD_BASE64"),
        ({"strData": ""}, "EMPTY"),
        ({"binData": RAW, "meta": []}, "BAD_TYPE"),
        ({"binData": RAW, "meta": {"tags": []}}, "BAD_TYPE"),
        ({"binData": RAW, "meta": {"puid": 5}}, "BAD_TYPE"),
        ({"binData": RAW, "meta": {"tags": {"a": math.nan}}}, "BAD_TYPE"),
    ],
)
def test_a_bad_message_is_named(message: object, reason: str) -> None:
    with pytest.raises(PayloadError) as caught:
        read_request(message)
    assert caught.value.reason == reason
    assert caught.value.http_status == 400
    assert "expected" in str(caught.value) or "meta" in str(caught.value)


def probabilities() -> np.ndarray[Any, np.dtype[np.float32]]:
    values = np.full((2, 10), 0.01, np.float32)
    values[0, 9] = values[1, 2] = 0.91
    return values


def test_the_answer_has_the_form_of_the_request() -> None:
    tensor = write_response(read_request({"data": {"tensor": TENSOR}}), probabilities(), {})
    assert tensor["data"]["names"] == list(CLASSES)
    assert tensor["data"]["tensor"]["shape"] == [2, 10]
    assert tensor["data"]["tensor"]["values"] == probabilities().ravel().tolist()
    ndarray = write_response(read_request({"binData": RAW}), probabilities(), {})
    assert ndarray["data"]["ndarray"] == probabilities().tolist()
    assert ndarray["meta"]["tags"]["class"] == ["Ankle boot", "Pullover"]


def test_the_clients_meta_comes_back_and_ours_wins() -> None:
    meta = {
        "puid": "p1",
        "tags": {"user": "me", "model": "theirs", "class": 1},
        "requestPath": {"a": "b"},
        "metrics": [1],
    }
    answer = write_response(read_request({"binData": RAW, "meta": meta}), probabilities(), {"model": "ours"})
    assert answer["meta"] == {
        "puid": "p1",
        "requestPath": {"a": "b"},
        "tags": {"user": "me", "model": "ours", "class": ["Ankle boot", "Pullover"]},
    }


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)
FIELDS = st.sampled_from(["data", "binData", "strData", "meta", "jsonData", "x"])
DATA = st.dictionaries(st.sampled_from(["tensor", "ndarray", "names", "shape", "values"]), JSON, max_size=3)
TENSORS = st.fixed_dictionaries({"tensor": st.fixed_dictionaries({"shape": JSON, "values": JSON})})
MESSAGES = JSON | st.dictionaries(FIELDS, JSON | DATA | TENSORS, max_size=3)


def outcome(message: object) -> PredictionRequest | PayloadError:
    try:
        return read_request(message)
    except PayloadError as error:
        return error


@given(MESSAGES)
def test_any_json_is_a_request_or_a_payload_error(message: object) -> None:
    # As it comes from the wire: lone surrogates, -0.0, big integers and all.
    message = json.loads(json.dumps(message))
    result = outcome(message)
    if isinstance(result, PayloadError):
        assert result.http_status in (400, 413)
        assert len(str(result)) < 1000
    else:
        assert result.images.shape[1:] == (28, 28)


@pytest.mark.parametrize(
    ("message", "reward"),
    [
        ({}, 0),
        ({"reward": 1}, 1),
        ({"reward": -0.5, "request": None}, -0.5),
        ({"reward": 1, "request": {"data": {"tensor": TENSOR, "names": "x"}}, "note": 1}, 1),
        ({"reward": 1, "request": {"binData": f"data:image/png;base64,{RAW}", "meta": {"metrics": "x"}}}, 1),
        ({"reward": 1, "truth": {"data": {"ndarray": ["Ankle boot"]}}}, 1),
        ({"reward": 1, "request": {}, "response": {"meta": {"tags": {"class": ["Bag"]}}, "extra": []}}, 1),
        ({"reward": 1, "request": {"meta": {"requestPath": {"a": 1}}, "data": {"names": [1, 2]}}}, 1),
    ],
)
def test_a_feedback_takes_what_was_sent_and_answered(message: object, reward: float) -> None:
    assert read_feedback(message) == reward


NO_REWARDS: tuple[object, ...] = ("1", True, [], math.nan, math.inf, -math.inf, 1e39, -(10**400))


@pytest.mark.parametrize(
    ("message", "names"),
    [
        ([], "object"),
        (None, "object"),
        ({"request": 5}, "request: expected an object, got int"),
        ({"truth": "Bag"}, "truth"),
        ({"request": {"data": []}}, r"request\.data: expected an object"),
        ({"request": {"data": {"tensor": {"shape": 784}}}}, r"request\.data\.tensor\.shape: expected a list"),
        ({"response": {"meta": {"tags": []}}}, r"response\.meta\.tags"),
        ({"response": {"meta": 1}}, r"response\.meta"),
        ({"request": {"binData": 5}}, r"request\.binData: expected text"),
        ({"request": {"binData": RAW, "strData": RAW}}, "request: expected only one of"),
        ({"request": {"binData": "?"}}, "expected base64"),
        ({"request": {"data": {"ndarray": [[0.5]]}}}, "expected shape"),
        *[({"reward": reward}, "reward: expected a finite number") for reward in NO_REWARDS],
    ],
)
def test_a_feedback_that_makes_no_sense_is_named(message: object, names: str) -> None:
    with pytest.raises(PayloadError, match=names) as caught:
        read_feedback(message)
    assert caught.value.http_status == 400


@given(st.floats() | st.integers())
def test_a_reward_can_be_added_up(reward: float) -> None:
    try:
        assert math.isfinite(np.float32(check_reward(reward)))
    except PayloadError:
        assert not abs(reward) <= 3.4028235e38


def test_a_form_of_very_many_files_is_refused_before_they_are_read() -> None:
    with pytest.raises(PayloadError, match="got 1025") as caught:
        read_request({"binData": (b"no picture",) * 1025})
    assert caught.value.http_status == 413


def test_all_files_of_a_form_together_are_limited() -> None:
    with pytest.raises(PayloadError, match="1025") as caught:
        read_request({"binData": (bytes(784 * 1000), bytes(784 * 25))})
    assert caught.value.http_status == 413
