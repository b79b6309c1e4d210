import json
import subprocess
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fmnist.deployment.local.envoy import Address, Backend, Gateway, bootstrap, clusters, command, routes

ADDRESS = Address("default", "fashion-classifier", 10.0)
ONE = Backend(1, 9001, 9501, 90)
TWO = Backend(2, 9002, 9502, 10)


def _routes(*backends: Backend) -> list[Any]:
    document = json.loads(routes(ADDRESS, backends, 7))
    assert document["version_info"] == "7"
    _, *health, rest, grpc, _ = document["resources"][0]["virtual_hosts"][0]["routes"]
    assert [one["match"]["prefix"].removeprefix(ADDRESS.path) for one in health] == [
        "/health/",
        "/api/v1.0/health/",
    ]
    return [rest, grpc]


def _weights(route: Any) -> dict[str, int]:
    return {one["name"]: one["weight"] for one in route["route"]["weighted_clusters"]["clusters"]}


def test_envoy_takes_the_configuration(tmp_path: Path) -> None:
    gateway = Gateway(port=8080, admin_port=9901, folder=tmp_path)
    gateway.bootstrap.write_text(bootstrap(gateway))
    gateway.clusters.write_text(clusters([ONE, TWO], 1))
    gateway.routes.write_text(routes(ADDRESS, [ONE, TWO], 1))
    checked = subprocess.run(
        [*command(gateway), "--mode", "validate"], capture_output=True, text=True, timeout=60, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_rest_loses_its_prefix_and_is_split() -> None:
    rest = _routes(ONE, TWO)[0]
    assert rest["match"] == {"prefix": "/seldon/default/fashion-classifier/"}
    assert (rest["route"]["prefix_rewrite"], rest["route"]["timeout"]) == ("/", "10.0s")
    assert _weights(rest) == {"v1-9001": 90, "v2-9002": 10}


def test_grpc_is_told_by_its_headers_and_split_likewise() -> None:
    grpc = _routes(ONE, TWO)[1]
    headers = {one["name"]: one["string_match"]["exact"] for one in grpc["match"]["headers"]}
    assert headers == {"seldon": "fashion-classifier", "namespace": "default"}
    assert _weights(grpc) == {"v1-9001-grpc": 90, "v2-9002-grpc": 10}


def test_without_traffic_the_address_says_so() -> None:
    for route in _routes(Backend(1, 9001, 9501, 0)):
        assert route["direct_response"]["status"] == 503
        body = json.loads(route["direct_response"]["body"]["inline_string"])
        assert body["status"]["reason"] == "NO_TRAFFIC"


def test_no_timeout_is_none() -> None:
    document = json.loads(routes(Address("default", "m", None), [ONE], 1))
    assert document["resources"][0]["virtual_hosts"][0]["routes"][-3]["route"]["timeout"] == "0s"


def test_everything_listens_on_this_machine_only(tmp_path: Path) -> None:
    text = bootstrap(Gateway(8080, 9901, tmp_path)) + clusters([ONE], 1)
    assert text.count('"address": "127.0.0.1"') == 4
    assert "0.0.0.0" not in text


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.integers(1, 99), st.integers(0, 100), min_size=1))
def test_every_route_has_a_cluster_and_no_weight_is_lost(weights: dict[int, int]) -> None:
    backends = [Backend(number, 9000 + number, 9500 + number, one) for number, one in weights.items()]
    known = {one["name"]: one for one in json.loads(clusters(backends, 1))["resources"]}
    assert len(known) == 2 * len(backends)
    taking = {one.cluster: one.weight for one in backends if one.weight}
    rest, grpc = _routes(*backends)
    if taking:
        assert _weights(rest) == taking
        assert {*_weights(rest), *_weights(grpc)} <= set(known)
