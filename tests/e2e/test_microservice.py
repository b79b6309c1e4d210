"""The wrapper as users meet it: the real ``seldon-core-microservice`` in ``.venv-serve``."""

import base64
import dataclasses
import gzip
import json
import math
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import numpy as np
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from fmnist.core.bundle import Bundle, KnownAnswer, write_metadata
from fmnist.core.fashion_mnist import CLASSES
from fmnist.core.predictor import Predictor
from fmnist.files.atomic import sha256_of
from fmnist.settings import PROJECT
from tests.support.bundles import make_bundle
from tests.support.microservice import SERVE, Microservice, microservice, processes_of, start_process, stop

IMAGES = np.random.default_rng(5).integers(0, 256, (40, 28, 28), np.uint8)
ONE = IMAGES[0]
RAW = base64.b64encode(IMAGES[:2].tobytes()).decode()
TENSOR = {"data": {"names": ["feature1"], "tensor": {"shape": [28, 28], "values": ONE.tolist()}}}
JSON = {"Content-Type": "application/json"}


def encoded(pixels: Any, form: str) -> bytes:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, form)
    return stream.getvalue()


def png(pixels: Any) -> bytes:
    return encoded(pixels, "PNG")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("served") / "bundle", seed=4, origin="official")


@pytest.fixture(scope="module")
def service(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Microservice]:
    with microservice(bundle.folder, tmp_path_factory.mktemp("log") / "log") as running:
        yield running


@pytest.fixture(scope="module")
def expected(bundle: Bundle) -> Any:
    return Predictor(bundle).predict(IMAGES)


def rows(answer: dict[str, Any]) -> Any:
    data = answer["data"]
    assert data["names"] == list(CLASSES)
    if "tensor" in data:
        return np.array(data["tensor"]["values"]).reshape(data["tensor"]["shape"])
    return np.array(data["ndarray"])


ACCEPTED: dict[str, tuple[int, str, dict[str, Any]]] = {
    "tensor nested": (1, "tensor", {"json": TENSOR}),
    "tensor flat": (
        1,
        "tensor",
        {"json": {"data": {"tensor": {"shape": [28, 28], "values": ONE.ravel().tolist()}}}},
    ),
    "tensor of many": (
        40,
        "tensor",
        {"json": {"data": {"tensor": {"shape": [40, 784], "values": IMAGES.reshape(40, 784).tolist()}}}},
    ),
    "ndarray": (40, "ndarray", {"json": {"data": {"ndarray": IMAGES.tolist()}}}),
    "ndarray of floats": (1, "ndarray", {"json": {"data": {"ndarray": ONE.astype(float).tolist()}}}),
    "binData raw": (2, "ndarray", {"json": {"binData": RAW}}),
    "binData PNG": (1, "ndarray", {"json": {"binData": base64.b64encode(png(ONE)).decode()}}),
    "strData": (
        1,
        "ndarray",
        {"json": {"strData": "data:image/png;base64," + base64.b64encode(png(ONE)).decode()}},
    ),
    "multipart PNG": (1, "ndarray", {"files": {"binData": png(ONE)}}),
    "multipart raw": (2, "ndarray", {"files": {"binData": IMAGES[:2].tobytes()}}),
    "two files": (2, "ndarray", {"files": [("binData", png(IMAGES[0])), ("binData", png(IMAGES[1]))]}),
    "files of two kinds": (
        3,
        "ndarray",
        {"files": [("binData", png(ONE)), ("binData", IMAGES[1:3].tobytes())]},
    ),
    "multipart field": (1, "tensor", {"files": {"data": (None, json.dumps(TENSOR["data"]))}}),
    "form": (1, "tensor", {"data": {"json": json.dumps(TENSOR)}}),
    "chunked": (1, "tensor", {"data": iter([json.dumps(TENSOR).encode()]), "headers": JSON}),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_every_accepted_form_is_answered_in_kind(service: Microservice, expected: Any, name: str) -> None:
    count, form, arguments = ACCEPTED[name]
    response = requests.post(service.predictions, timeout=20, **arguments)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert form in answer["data"]
    np.testing.assert_allclose(rows(answer), expected[:count], atol=1e-5)
    assert answer["meta"]["tags"]["class"] == [CLASSES[i] for i in expected[:count].argmax(axis=1)]


def test_an_answer_names_where_it_comes_from(service: Microservice, bundle: Bundle) -> None:
    message = {**TENSOR, "meta": {"puid": "p", "tags": {"user": "me", "model_version": "9"}}}
    meta = requests.post(service.predictions, json=message, timeout=20).json()["meta"]
    assert meta["puid"] == "p"
    assert meta["tags"]["user"] == "me"
    assert meta["tags"]["model_version"] == "3"
    assert meta["tags"]["bundle_sha256"] == bundle.sha256
    assert meta["tags"]["train_data_commit"] == bundle.metadata.provenance.train_data.commit
    assert "metrics" not in meta


REFUSED: dict[str, tuple[int, str, dict[str, Any]]] = {
    "truncated": (400, "BAD_JSON", {"data": json.dumps(TENSOR)[:-20], "headers": JSON}),
    "not UTF-8": (400, "BAD_JSON", {"data": b'{"a": "\xff"}', "headers": JSON}),
    "nested deep": (400, "BAD_JSON", {"data": "[" * 200_000, "headers": JSON}),
    "long integer": (400, "BAD_JSON", {"data": "1" * 5000, "headers": JSON}),
    "empty": (400, "EMPTY", {"headers": JSON}),
    "no body": (400, "EMPTY", {}),
    "null": (400, "BAD_TYPE", {"data": "null", "headers": JSON}),
    "a list": (400, "BAD_TYPE", {"json": [1]}),
    "an empty object": (400, "EMPTY", {"json": {}}),
    "another protocol": (400, "BAD_FIELD", {"json": {"instances": [1]}}),
    "plain text": (415, "BAD_CONTENT_TYPE", {"data": "{}", "headers": {"Content-Type": "text/plain"}}),
    "27 rows": (400, "BAD_SHAPE", {"json": {"data": {"ndarray": ONE[:27].tolist()}}}),
    "ragged": (400, "BAD_SHAPE", {"json": {"data": {"ndarray": [[0, 1], [2]]}}}),
    "256": (400, "BAD_RANGE", {"json": {"data": {"ndarray": [256] * 784}}}),
    "NaN": (400, "BAD_RANGE", {"data": {"json": json.dumps({"data": {"ndarray": [math.nan] * 784}})}}),
    "scaled": (400, "BAD_RANGE", {"json": {"data": {"ndarray": (ONE / 255).tolist()}}}),
    "text pixel": (400, "BAD_TYPE", {"json": {"data": {"ndarray": ["0"] * 784}}}),
    "no base64": (400, "BAD_BASE64", {"json": {"binData": "?"}}),
    "broken PNG": (400, "BAD_IMAGE", {"files": {"binData": png(ONE)[:60]}}),
    "odd bytes": (400, "BAD_IMAGE", {"files": {"binData": b"abc"}}),
    "no bytes": (400, "EMPTY", {"files": {"binData": b""}}),
    "long integer in a form": (400, "BAD_JSON", {"data": {"json": "1" * 5000}}),
    "strData file is no text": (400, "BAD_TYPE", {"files": {"strData": png(ONE)}}),
    "gzip": (
        415,
        "BAD_CONTENT_ENCODING",
        {"data": gzip.compress(json.dumps(TENSOR).encode()), "headers": {**JSON, "Content-Encoding": "gzip"}},
    ),
    "WebP": (400, "BAD_IMAGE", {"files": {"binData": encoded(ONE, "WEBP")}}),
    "float32": (400, "BAD_IMAGE", {"files": {"binData": (IMAGES[:3] / 255).astype("f4").tobytes()}}),
    "a field twice": (
        400,
        "BAD_FIELD",
        {"files": [("data", (None, json.dumps(TENSOR["data"]))), ("data", (None, "{}"))]},
    ),
    "wrong part": (400, "BAD_FIELD", {"files": {"image": png(ONE)}}),
    "broken part": (400, "BAD_JSON", {"files": {"data": (None, "{")}}),
    "no boundary": (400, "EMPTY", {"data": b"abc", "headers": {"Content-Type": "multipart/form-data"}}),
    "form without json": (400, "BAD_FIELD", {"data": {"a": "b"}}),
    "too many": (413, "TOO_LARGE", {"files": {"binData": bytes(784 * 1025)}}),
    "oversize": (413, "TOO_LARGE", {"data": b" " * (9 << 20), "headers": JSON}),
    "oversize form": (413, "TOO_LARGE", {"files": {"binData": bytes(9 << 20)}}),
    "oversize chunks": (413, "TOO_LARGE", {"data": (b" " * (1 << 20) for _ in range(10)), "headers": JSON}),
}  # fmt: skip


def check_error(response: requests.Response, status: int, reason: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/json"
    body = response.json()
    assert set(body) == {"status"}
    assert body["status"]["reason"] == reason
    assert (body["status"]["code"], body["status"]["status"]) == (-1, 1)
    assert body["status"]["info"]
    assert "Traceback" not in response.text


@pytest.mark.parametrize("name", REFUSED)
def test_every_malformed_request_is_told_what_was_wrong(service: Microservice, name: str) -> None:
    status, reason, arguments = REFUSED[name]
    response = requests.post(service.predictions, timeout=20, **arguments)
    check_error(response, status, reason)
    assert "expected" in response.json()["status"]["info"]


BODIES = st.binary(max_size=60) | st.text(max_size=30).map(str.encode) | st.just(json.dumps(TENSOR).encode())
TYPES = st.sampled_from(
    [
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/octet-stream",
        "",
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BODIES, TYPES, st.sampled_from([b"", b"json=", b"--x\r\n", b'{"data": ']), st.booleans())
def test_no_body_is_an_unexpected_error(
    service: Microservice, body: bytes, kind: str, prefix: bytes, feedback: bool
) -> None:
    address = f"{service.rest}/api/v1.0/feedback" if feedback else service.predictions
    response = requests.post(address, data=prefix + body, headers={"Content-Type": kind}, timeout=20)
    assert response.status_code < 500
    assert response.ok or response.json()["status"]["info"]


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("GET", "/nonsense", 404, "NOT_FOUND"),
        ("POST", "/nonsense", 404, "NOT_FOUND"),
        ("GET", "/api/v1.0/doc/index.html", 404, "NOT_FOUND"),
        ("GET", "/api/v1.0/doc/../../../etc/passwd", 404, "NOT_FOUND"),
        ("GET", "/api/v1.0/predictions", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/api/v1.0/predictions/", 405, "METHOD_NOT_ALLOWED"),
        ("OPTIONS", "/transform-input", 404, "NOT_FOUND"),
        ("GET", "/predict?json=" + "1" * 9000, 400, "BAD_REQUEST"),
        ("DELETE", "/api/v1.0/predictions", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/api/v1.0/metadata", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/transform-input", 404, "NOT_FOUND"),
        ("POST", "/route", 404, "NOT_FOUND"),
        ("POST", "/aggregate", 404, "NOT_FOUND"),
    ],
)
def test_other_paths_and_methods(
    service: Microservice, method: str, path: str, status: int, reason: str
) -> None:
    check_error(requests.request(method, service.rest + path, json={}, timeout=20), status, reason)


def test_many_at_once_get_each_their_own_answer(service: Microservice, expected: Any) -> None:
    def ask(worker: int) -> float:
        with requests.Session() as session:
            differences = []
            for turn in range(20):
                number = (worker * 7 + turn) % len(IMAGES)
                message = {"data": {"tensor": {"shape": [28, 28], "values": IMAGES[number].tolist()}}}
                response = session.post(service.predictions, json=message, timeout=60)
                assert response.status_code == 200, response.text
                differences.append(np.abs(rows(response.json())[0] - expected[number]).max())
            return float(max(differences))

    with ThreadPoolExecutor(16) as workers:
        assert max(workers.map(ask, range(16))) < 1e-5


def test_health_and_metadata(service: Microservice) -> None:
    health = requests.get(f"{service.rest}/api/v1.0/health/status", timeout=20)
    assert health.status_code == 200
    assert health.json()["meta"]["tags"]["model_version"] == "3"
    metadata = requests.get(f"{service.rest}/api/v1.0/metadata", timeout=20).json()
    assert (metadata["name"], metadata["versions"]) == ("fashion-classifier", ["3"])
    assert metadata["outputs"][0]["schema"]["names"] == list(CLASSES)


def counter(service: Microservice, name: str) -> float:
    lines = requests.get(service.metrics, timeout=20).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def test_feedback_takes_what_predictions_takes_and_is_counted(service: Microservice) -> None:
    before = counter(service, "fashion_classifier_feedback")
    address = f"{service.rest}/api/v1.0/feedback"
    answer = requests.post(service.predictions, json=TENSOR, timeout=20).json()
    for message in (
        {"reward": 1.0, "request": TENSOR, "response": answer},
        {"reward": 1.0, "request": {}, "truth": {"data": {"ndarray": ["Ankle boot"]}}},
        {"reward": 0, "request": {"strData": "data:image/png;base64," + base64.b64encode(png(ONE)).decode()}},
        {"reward": 0, "request": {**TENSOR, "note": 1, "meta": {"metrics": "x"}}},
        {},
    ):
        response = requests.post(address, json=message, timeout=20)
        assert response.status_code == 200, response.text
    assert requests.post(address, data={"json": json.dumps({"reward": 0})}, timeout=20).status_code == 200
    assert counter(service, "fashion_classifier_feedback") == before + 6


@pytest.mark.parametrize("body", ["[]", "null", '{"reward": "x"}', '{"reward": NaN}', '{"request": 5}', "{"])
def test_bad_feedback_is_refused(service: Microservice, body: str) -> None:
    response = requests.post(f"{service.rest}/api/v1.0/feedback", data=body, headers=JSON, timeout=20)
    assert response.status_code == 400
    assert response.json()["status"]["info"]


@pytest.mark.parametrize(
    "path", ["/api/v1.0/predictions", "/api/v1.0/feedback", "/api/v0.1/predictions", "/predict"]
)
def test_a_browser_may_ask_from_another_page(service: Microservice, path: str) -> None:
    asked = {
        "Origin": "http://localhost:3000",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    response = requests.options(service.rest + path, headers=asked, timeout=20)
    assert response.status_code == 200
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert response.headers["Access-Control-Allow-Headers"] == "content-type"
    refused = requests.post(service.rest + path, json=[], headers=asked, timeout=20)
    for answer in (response, refused):
        assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"


def test_a_trailing_slash_and_a_long_query_are_answered(service: Microservice, expected: Any) -> None:
    for response in (
        requests.post(f"{service.predictions}/", json=TENSOR, timeout=20),
        requests.get(f"{service.rest}/predict", params={"json": json.dumps(TENSOR)}, timeout=20),
    ):
        np.testing.assert_allclose(rows(response.json()), expected[:1], atol=1e-5)


def test_predictions_are_counted_by_class(service: Microservice) -> None:
    requests.post(service.predictions, json=TENSOR, timeout=20)
    text = requests.get(service.metrics, timeout=20).text
    assert 'fashion_classifier_predictions_total{class="' in text


def test_the_swagger_page_is_whole_and_local(service: Microservice) -> None:
    start = f"{service.rest}/api/v1.0/doc"
    redirect = requests.get(start, allow_redirects=False, timeout=20)
    assert (redirect.status_code, redirect.headers["Location"]) == (302, "doc/")
    page = requests.get(start, timeout=20)
    assert page.url == start + "/"
    assert "<title>fashion-classifier 3</title>" in page.text
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png", "start.js"):
        assert f'"{name}"' in page.text
        assert requests.get(urljoin(page.url, name), timeout=20).status_code == 200
    asset = requests.get(urljoin(page.url, "swagger-ui-bundle.js"), timeout=20)
    assert "max-age=86400" in asset.headers["Cache-Control"]
    again = requests.get(asset.url, headers={"If-None-Match": asset.headers["ETag"]}, timeout=20)
    assert again.status_code == 304


def test_the_documented_example_gives_the_documented_answer(service: Microservice) -> None:
    address = f"{service.rest}/api/v1.0/doc/seldon.json"
    document = requests.get(address, timeout=20).json()
    root = urljoin(address, document["servers"][0]["url"]).rstrip("/")
    (path,) = [path for path in document["paths"] if path.endswith("predictions")]
    operation = document["paths"][path]["post"]
    example = operation["requestBody"]["content"]["application/json"]["examples"]["tensor"]["value"]
    documented = operation["responses"]["200"]["content"]["application/json"]["example"]
    response = requests.post(root + path, json=example, timeout=20)
    assert response.status_code == 200
    np.testing.assert_allclose(rows(response.json()), rows(documented), atol=1e-4)


def test_grpc_takes_every_form_and_names_what_is_wrong(service: Microservice, expected: Any) -> None:
    flat = ONE.ravel().tolist()
    good = [
        {"data": {"tensor": {"shape": [28, 28], "values": flat}}, "meta": {"tags": {"user": "me"}}},
        {"data": {"ndarray": ONE.tolist()}},
        {"binData": RAW},
        {"strData": base64.b64encode(png(ONE)).decode()},
    ]
    bad = [
        ({"data": {"tensor": {"shape": [28, 28], "values": [1]}}}, "BAD_SHAPE"),
        ({"data": {"tensor": {"shape": [784], "values": [0.5] * 784}}}, "BAD_RANGE"),
        ({"data": {"ndarray": ["0"] * 784}}, "BAD_TYPE"),
        ({"binData": "YWJj"}, "BAD_IMAGE"),
        ({"jsonData": {"a": 1}}, "BAD_FIELD"),
        ({}, "EMPTY"),
    ]
    calls = [
        *(["Predict", message] for message in good),
        *(["Predict", message] for message, _ in bad),
        ["SendFeedback", {"reward": 1}],
        ["ModelMetadata", {}],
    ]
    results = grpc(service, calls)
    for result, count in zip(results[:4], [1, 1, 2, 1], strict=True):
        assert result["code"] == "OK", result
        np.testing.assert_allclose(rows(result["answer"]), expected[:count], atol=1e-5)
    assert results[0]["answer"]["meta"]["tags"]["user"] == "me"
    assert results[0]["answer"]["meta"]["tags"]["model_version"] == "3"
    for result, (_, reason) in zip(results[4:10], bad, strict=True):
        assert result["code"] == "INVALID_ARGUMENT"
        assert result["details"].startswith(f"{reason}: ")
        assert "expected" in result["details"]
    assert results[10]["code"] == "OK"
    assert results[11]["answer"]["name"] == "fashion-classifier"


def test_grpc_takes_eight_mebibytes_and_no_more(service: Microservice) -> None:
    many = {"data": {"tensor": {"shape": [1024, 784], "values": [7] * (1024 * 784)}}}
    too_many = {"binData": base64.b64encode(bytes(784 * 1025)).decode()}
    oversize = {"binData": base64.b64encode(bytes(9 << 20)).decode()}
    results = grpc(service, [["Predict", many], ["Predict", too_many], ["Predict", oversize]])
    assert [result["code"] for result in results] == ["OK", "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"]
    assert "expected at most 1024 images" in results[1]["details"]


def test_grpc_counts_no_reward_that_is_no_number(service: Microservice) -> None:
    before = counter(service, "seldon_api_model_feedback_reward_total")
    rewards = ["NaN", "Infinity", "-Infinity", 1]
    results = grpc(service, [["SendFeedback", {"reward": reward}] for reward in rewards])
    assert [result["code"] for result in results] == ["INVALID_ARGUMENT"] * 3 + ["OK"]
    assert "reward: expected a finite number, got nan" in results[0]["details"]
    assert counter(service, "seldon_api_model_feedback_reward_total") == before + 1


def test_slow_clients_hold_up_no_health_check_and_are_told(service: Microservice) -> None:
    address = ("127.0.0.1", int(service.rest.rpartition(":")[2]))
    head = b"POST /api/v1.0/predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    health = b"GET /health/status HTTP/1.1\r\nHost: x\r\n"
    begins = [b"", head, head + b"Content-Length: 900\r\n\r\n{", health]
    with ExitStack() as held:
        clients = [held.enter_context(socket.create_connection(address, 30)) for _ in range(201)]
        assert requests.post(service.predictions, json=TENSOR, timeout=5).status_code == 200
        for number, client in enumerate(clients):
            client.sendall(begins[number % 4])
        time.sleep(0.3)
        for path in ("/health/status", "/health/ping", "/api/v1.0/health/status"):
            assert requests.get(service.rest + path, timeout=5).status_code == 200
        for client in clients[1:3]:
            with client.makefile("rb") as stream:
                response, _, body = stream.read().partition(b"\r\n\r\n")
            assert response.startswith(b"HTTP/1.1 408 ")
            assert json.loads(body)["status"]["reason"] == "TIMED_OUT"


def grpc(service: Microservice, calls: list[Any]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [SERVE / "python", PROJECT / "tests" / "support" / "grpc_client.py"],
        input=json.dumps({"address": service.grpc, "calls": calls}),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    answer: list[dict[str, Any]] = json.loads(done.stdout)
    return answer


def test_it_is_small_and_soon_ready(service: Microservice) -> None:
    # The figures asked for are 160 MB and 3 s; a busy machine gets some room.
    assert service.ready_seconds < 20
    grpc(service, [["Predict", {"data": {"ndarray": ONE.tolist()}}]] * 30)
    roll_ups = [Path(f"/proc/{process.pid}/smaps_rollup") for process in service.processes()]
    if not all(path.exists() for path in roll_ups):
        pytest.skip("the sum of PSS can be read on Linux only")
    kilobytes = [
        int(line.split()[1])
        for path in roll_ups
        for line in path.read_text().splitlines()
        if line.startswith("Pss:")
    ]
    assert len(kilobytes) >= 5
    assert sum(kilobytes) / 1024 < 180


def test_after_all_that_no_trace_of_an_unexpected_error_is_in_the_log(service: Microservice) -> None:
    assert "unexpected error" not in service.log.read_text()


def broken(bundle: Bundle, how: str) -> None:
    metadata = bundle.metadata
    if how == "another answer":
        other = KnownAnswer(metadata.known_answer.image, (1.0,) + (0.0,) * 9)
        write_metadata(bundle.folder, dataclasses.replace(metadata, known_answer=other))
        return
    bundle.onnx.write_bytes(b"junk")
    if how == "no graph":
        files = {name: sha256_of(bundle.folder / name) for name in metadata.files}
        write_metadata(bundle.folder, dataclasses.replace(metadata, files=files))


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("another answer", "golden sample does not get its probabilities"),
        ("no graph", "ONNX Runtime does not load it"),
        ("other bytes", "SHA-256 is"),
    ],
)
def test_a_bad_model_ends_the_process(tmp_path: Path, how: str, says: str) -> None:
    bundle = make_bundle(tmp_path / "bundle")
    broken(bundle, how)
    process = start_process(bundle.folder, tmp_path / "log")
    try:
        assert process.wait(60) != 0
        deadline = time.monotonic() + 10
        while processes_of(process.pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert processes_of(process.pid) == []
    finally:
        stop(process)
    assert says in (tmp_path / "log").read_text()
