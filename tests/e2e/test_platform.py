"""The platform on one machine as users meet it: real Envoy, real microservices, real files."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import click
import numpy as np
import psutil
import pytest
import requests
from click.testing import CliRunner
from PIL import Image

from fmnist import settings
from fmnist import wiring as engines
from fmnist.cli.deploy import deploy
from fmnist.cli.down import down
from fmnist.cli.predict import predict
from fmnist.cli.status import status
from fmnist.cli.up import up
from fmnist.core.bundle import Bundle, KnownAnswer, open_bundle, write_metadata
from fmnist.core.fashion_mnist import CLASSES, MODEL_NAME
from fmnist.deployment.base import Platform
from fmnist.deployment.execute import run
from fmnist.deployment.local import loopback, processes
from fmnist.deployment.local.processes import Sessions
from fmnist.deployment.local.state import load_state
from fmnist.deployment.rollout import planned
from fmnist.errors import GateRefused, InputError, NotFoundError, UnavailableError
from fmnist.gate.policy import read_policy
from fmnist.gate.signing import Key, Keys, sign
from fmnist.gate.verdict import ANNOTATION
from fmnist.registry.base import ModelRegistry, ModelVersion
from fmnist.settings import PROJECT, Settings
from tests.support.bundles import make_bundle
from tests.support.homes import make_home
from tests.support.pages import commands
from tests.support.results import make_result
from tests.support.rollouts import serve_alone

BLANK = {"data": {"ndarray": [[0] * 784]}}
PREFIX = "/seldon/default/fashion-classifier"


@dataclass(frozen=True)
class Machine:
    """Settings of a machine of the test's own, and its platform."""

    own: Settings
    platform: Platform

    @property
    def folder(self) -> Path:
        return self.own.serving

    @property
    def predictions(self) -> str:
        return f"{self.own.gateway}{PREFIX}/api/v1.0/predictions"

    def version_that_answers(self) -> str:
        response = requests.post(self.predictions, json=BLANK, timeout=10)
        assert response.status_code == 200, response.text
        version: str = response.json()["meta"]["tags"]["model_version"]
        return version


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    folder = tmp_path_factory.mktemp("bundles")
    return [make_bundle(folder / str(seed), seed=seed) for seed in range(3)]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with _machine(tmp_path_factory.mktemp("machine") / "home") as one:
        yield one


@contextmanager
def _machine(home: Path) -> Iterator[Machine]:
    variables = {"FMNIST_HOME": str(home), "FMNIST_GATEWAY_PORT": str(loopback.free_ports(1)[0])}
    own = settings.from_environment(variables)
    platform = engines.platform(own)
    try:
        yield Machine(own, platform)
    finally:
        pids = [pid for server in platform.servers() for pid in server.pids]
        platform.stop()
        assert not [pid for pid in pids if psutil.pid_exists(pid) and _alive(pid)]


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def serving(machine: Machine, bundles: list[Bundle]) -> Machine:
    """The machine, version 1 alone and ready on it."""
    serve_alone(machine.platform, 1, bundles[1])
    return machine


class Load:
    """Requests as fast as they are answered, from several connections, until the block ends."""

    def __init__(self, url: str, clients: int = 3) -> None:
        self.answers: list[tuple[float, str]] = []
        self.errors: list[str] = []
        self._url = url
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._send) for _ in range(clients)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        self.wait_for_more()
        return self

    def __exit__(self, *_: object) -> None:
        self.wait_for_more()
        self._done.set()
        for thread in self._threads:
            thread.join(20)

    def wait_for_more(self, more: int = 30) -> None:
        enough = len(self.answers) + more
        processes.wait_until(lambda: len(self.answers) >= enough or bool(self.errors), 20.0, "no answers")

    def _send(self) -> None:
        with requests.Session() as session:
            while not self._done.is_set():
                try:
                    response = session.post(self._url, json=BLANK, timeout=10)
                    response.raise_for_status()
                    version = response.json()["meta"]["tags"]["model_version"]
                    self.answers.append((time.monotonic(), version))
                except requests.RequestException as error:
                    self.errors.append(repr(error))


def test_the_address_routes_as_the_clusters_gateway_does(serving: Machine) -> None:
    api = f"{serving.own.gateway}{PREFIX}/api/v1.0"
    assert serving.version_that_answers() == "1"
    assert requests.get(f"{api}/health/status", timeout=10).status_code == 200
    assert requests.get(f"{serving.own.gateway}{PREFIX}/health/ping", timeout=10).text == "pong"
    assert requests.get(f"{api}/metadata", timeout=10).json()["name"] == MODEL_NAME
    assert requests.post(f"{api}/feedback", json={"reward": 1}, timeout=10).status_code == 200
    page = requests.get(f"{serving.own.gateway}{PREFIX}", timeout=10)
    assert page.url == f"{api}/doc/"
    assert "swagger" in page.text.lower()


@pytest.mark.parametrize("path", ["/", "/seldon/default/other/api/v1.0/predictions", f"{PREFIX}x/"])
def test_what_is_not_served_is_refused_in_seldons_format(serving: Machine, path: str) -> None:
    response = requests.post(serving.own.gateway + path, json=BLANK, timeout=10)
    assert (response.status_code, response.headers["content-type"]) == (404, "application/json")
    error = response.json()["status"]
    assert (error["code"], error["reason"]) == (404, "NOT_FOUND")
    assert path in error["info"]


def test_the_services_own_errors_come_through(serving: Machine) -> None:
    response = requests.post(serving.predictions, json={"data": {"ndarray": [[1]]}}, timeout=10)
    assert (response.status_code, response.json()["status"]["reason"]) == (400, "BAD_SHAPE")
    large = b'{"data":' + b" " * (9 << 20) + b"}"
    response = requests.post(
        serving.predictions, large, headers={"content-type": "application/json"}, timeout=20
    )
    assert (response.status_code, response.json()["status"]["reason"]) == (413, "TOO_LARGE")


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl, as in docs/serving.md")
def test_the_command_of_the_documentation_is_answered(serving: Machine, tmp_path: Path) -> None:
    (asked,) = commands("docs/serving.md", "curl")
    picture = _picture(tmp_path / "shoe.png")
    own = [word.replace("127.0.0.1:8080", f"127.0.0.1:{serving.own.gateway_port}") for word in asked]
    done = subprocess.run(["curl", *own], cwd=picture.parent, capture_output=True, timeout=60, check=True)
    assert len(json.loads(done.stdout)["data"]["names"]) == len(CLASSES)


def test_grpc_is_routed_by_its_metadata(serving: Machine) -> None:
    script = """
import sys, grpc
from seldon_core.proto import prediction_pb2 as messages, prediction_pb2_grpc as services
request = messages.SeldonMessage(data=messages.DefaultData(
    tensor=messages.Tensor(shape=[1, 28, 28], values=[0] * 784)))
metadata = (("seldon", "fashion-classifier"), ("namespace", "default"))
with grpc.insecure_channel(sys.argv[1]) as channel:
    for stub in (services.SeldonStub, services.ModelStub):
        answer = stub(channel).Predict(request, metadata=metadata, timeout=20)
        print(answer.meta.tags["model_version"].string_value, list(answer.data.tensor.shape))
    try:
        services.SeldonStub(channel).Predict(request, timeout=20)
    except grpc.RpcError as error:
        print(error.code().name)
"""
    done = subprocess.run(
        [PROJECT / ".venv-serve" / "bin" / "python", "-c", script, f"127.0.0.1:{serving.own.gateway_port}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines() == ["1 [1, 10]", "1 [1, 10]", "UNIMPLEMENTED"]


def test_the_kernel_sees_everything_listen_on_this_machine_only(serving: Machine) -> None:
    state = load_state(serving.folder)
    assert state.gateway is not None
    served = state.served[0]
    expected = {state.gateway.port, state.gateway.admin_port}
    expected |= {served.http_port, served.grpc_port, served.metrics_port}
    listening = {
        connection.laddr
        for session in Sessions(serving.folder).running()
        for process in Sessions(serving.folder).members(session)
        for connection in process.net_connections("all")
        if connection.status == psutil.CONN_LISTEN
    }
    assert {address.port for address in listening} == expected
    # gRPC has one socket for both kinds of addresses.
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


STARTER = """
import sys, time
from pathlib import Path
from fmnist.core.bundle import open_bundle
from fmnist.settings import from_environment
from fmnist.wiring import platform
serving = platform(from_environment())
serving.apply(1, open_bundle(Path(sys.argv[1])))
serving.set_weights({1: 100})
print("serves", flush=True)
time.sleep(60)
"""


def test_both_servers_outlive_the_shell_that_started_them(
    serving: Machine, bundles: list[Bundle], tmp_path: Path
) -> None:
    """In a home and with a TMPDIR whose paths are too long for sockets, beside another home."""
    temporary = tmp_path / ("t" * 60)
    temporary.mkdir()
    with _machine(tmp_path / ("h" * 100) / "home") as other:
        shell = subprocess.Popen(
            ["/bin/sh", "-c", '"$@"; true', "sh", sys.executable, "-c", STARTER, str(bundles[1].folder)],
            env={
                **os.environ,
                "FMNIST_HOME": str(other.own.home),
                "FMNIST_GATEWAY_PORT": str(other.own.gateway_port),
                "TMPDIR": str(temporary),
            },
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        with shell:
            assert shell.stdout is not None
            assert shell.stdout.readline() == b"serves\n"
            os.killpg(shell.pid, signal.SIGHUP)
            os.killpg(shell.pid, signal.SIGKILL)
        time.sleep(1)
        assert other.version_that_answers() == "1"
        assert [len(server.pids) > 0 for server in other.platform.servers()] == [True, True]
        assert Path(load_state(other.folder).served[0].scratch).parent == Path("/tmp")
        assert serving.version_that_answers() == "1"


def test_one_version_takes_over_from_another_without_a_lost_request(
    serving: Machine, bundles: list[Bundle]
) -> None:
    platform = serving.platform
    with Load(serving.predictions) as load:
        platform.apply(2, bundles[2])
        load.wait_for_more()
        assert {version for _, version in load.answers} == {"1"}
        platform.set_weights({2: 100})
        switched = time.monotonic()
        load.wait_for_more()
        platform.remove(1)
    assert load.errors == []
    assert load.answers[-1][1] == "2"
    last_old = max(moment for moment, version in load.answers if version == "1")
    assert last_old - switched < 0.5
    assert [(one.version, one.weight, one.ready) for one in platform.deployments()] == [(2, 100, True)]


def test_a_version_can_be_replaced_by_another_bundle_of_its_own_number(
    serving: Machine, bundles: list[Bundle]
) -> None:
    with Load(serving.predictions) as load:
        serve_alone(serving.platform, 1, bundles[0])
    assert load.errors == []
    tags = requests.post(serving.predictions, json=BLANK, timeout=10).json()["meta"]["tags"]
    assert tags["bundle_sha256"] == bundles[0].sha256


def test_the_traffic_is_split_as_asked(serving: Machine, bundles: list[Bundle]) -> None:
    serving.platform.apply(2, bundles[2])
    serving.platform.set_weights({1: 80, 2: 20})
    with Load(serving.predictions) as load:
        load.wait_for_more(300)
    counts = Counter(version for _, version in load.answers)
    assert 0.1 <= counts["2"] / len(load.answers) <= 0.3, counts
    assert [(one.version, one.weight) for one in serving.platform.deployments()] == [(1, 80), (2, 20)]
    with pytest.raises(InputError, match="takes 20 %"):
        serving.platform.remove(2)


def test_a_gateway_of_an_earlier_fmnist_is_replaced(serving: Machine, bundles: list[Bundle]) -> None:
    before = load_state(serving.folder)
    bootstrap = serving.folder / "gateway" / "bootstrap.json"
    bootstrap.write_text(bootstrap.read_text().replace("request_timeout", "other"))
    serving.platform.apply(1, bundles[1])
    after = load_state(serving.folder)
    assert before.gateway
    assert after.gateway
    assert (after.gateway.port, after.served) == (before.gateway.port, before.served)
    assert after.gateway.session != before.gateway.session
    assert serving.version_that_answers() == "1"
    assert len(Sessions(serving.folder).running()) == 2


def test_applying_again_changes_nothing(serving: Machine, bundles: list[Bundle]) -> None:
    before = load_state(serving.folder)
    assert serving.platform.apply(1, bundles[1]).weight == 100
    assert load_state(serving.folder) == before


@pytest.mark.parametrize("weights", [{1: 90}, {1: 150, 2: -50}])
def test_weights_that_are_no_split_are_refused(serving: Machine, weights: dict[int, int]) -> None:
    with pytest.raises(InputError, match="sum to 100"):
        serving.platform.set_weights(weights)


def test_a_version_that_does_not_run_is_named(serving: Machine) -> None:
    with pytest.raises(NotFoundError, match="version 9 does not run here; versions that do: 1"):
        serving.platform.set_weights({9: 100})
    with pytest.raises(NotFoundError, match="version 9"):
        serving.platform.remove(9)


def test_a_model_without_its_golden_sample_never_serves(
    serving: Machine, bundles: list[Bundle], tmp_path: Path
) -> None:
    good = make_bundle(tmp_path / "wrong", seed=7)
    answer = KnownAnswer(good.metadata.known_answer.image, (0.1,) * 10)
    write_metadata(good.folder, replace(good.metadata, known_answer=answer))
    before = load_state(serving.folder)
    with pytest.raises(
        UnavailableError,
        match=r"version 2 does not start: .*golden sample does not get its probabilities: .*v2\.log",
    ):
        serve_alone(serving.platform, 2, open_bundle(good.folder))
    assert load_state(serving.folder) == before
    assert len(Sessions(serving.folder).running()) == 2
    assert serving.version_that_answers() == "1"


@pytest.mark.parametrize("victim", ["service", "gateway"])
def test_a_killed_server_is_noticed_and_replaced(
    serving: Machine, bundles: list[Bundle], victim: str
) -> None:
    state = load_state(serving.folder)
    assert state.gateway is not None
    session = state.served[0].session if victim == "service" else state.gateway.session
    os.kill(session, signal.SIGKILL)
    processes.wait_until(lambda: not serving.platform.deployments()[0].ready, 10.0, "not noticed")
    serving.platform.apply(1, bundles[1])
    assert [(one.version, one.weight, one.ready) for one in serving.platform.deployments()] == [
        (1, 100, True)
    ]
    assert serving.version_that_answers() == "1"
    assert len(Sessions(serving.folder).running()) == 2


def test_a_server_that_nobody_remembers_is_stopped_by_the_next_command(
    serving: Machine, bundles: list[Bundle]
) -> None:
    forgotten = Sessions(serving.folder).start(
        ["/bin/sleep", "60"], variables={}, cwd=serving.folder, log=serving.folder / "log"
    )
    served = Path(load_state(serving.folder).served[0].scratch)
    left = served.with_name(f"{served.name}-left")
    left.mkdir()
    assert [one.name for one in serving.platform.servers()] == ["gateway", "version 1", "forgotten"]
    serving.platform.apply(1, bundles[1])
    assert not Sessions(serving.folder).is_running(forgotten)
    assert (left.exists(), served.exists()) == (False, True)


def test_a_taken_port_is_named_with_its_holder_and_nothing_starts(
    bundles: list[Bundle], tmp_path: Path
) -> None:
    with _machine(tmp_path / "home") as other, socket.socket() as server:
        server.bind(("127.0.0.1", other.own.gateway_port))
        server.listen()
        with pytest.raises(UnavailableError, match=rf"port .* \(pid {os.getpid()}\).*FMNIST_GATEWAY_PORT"):
            other.platform.apply(1, bundles[1])
        assert Sessions(other.folder).running() == []
        assert other.platform.deployments() == []


def test_a_first_version_that_fails_leaves_nothing(bundles: list[Bundle], tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    bundle = replace(bundles[1], folder=folder)
    with _machine(tmp_path / "home") as other:
        with pytest.raises(UnavailableError, match="no checkpoint bundle here"):
            other.platform.apply(1, bundle)
        assert Sessions(other.folder).running() == []
        assert other.platform.deployments() == []


def test_a_first_version_that_is_not_seen_to_serve_leaves_nothing(
    bundles: list[Bundle], tmp_path: Path
) -> None:
    def nobody_answers(url: str) -> str:
        assert [one.weight for one in other.platform.deployments()] == [100]
        raise UnavailableError("nobody answers")

    with _machine(tmp_path / "home") as other:
        rollout = planned(1, None, other.platform.deployments())
        with pytest.raises(UnavailableError, match="nobody answers"):
            run(rollout, other.platform, lambda _: bundles[1], nobody_answers, lambda _: None)
        assert Sessions(other.folder).running() == []
        assert other.platform.deployments() == []


def test_a_later_version_that_is_not_seen_to_serve_leaves_the_earlier_one(
    serving: Machine, bundles: list[Bundle]
) -> None:
    def the_earlier_one_answers(url: str) -> str:
        return bundles[1].sha256

    before = load_state(serving.folder)
    rollout = planned(2, None, serving.platform.deployments())
    with pytest.raises(UnavailableError, match="version 2 should serve, but version 1 answers"):
        run(rollout, serving.platform, lambda _: bundles[2], the_earlier_one_answers, lambda _: None)
    assert load_state(serving.folder) == before
    assert len(Sessions(serving.folder).running()) == 2
    assert serving.version_that_answers() == "1"


def _request(length: int) -> bytes:
    """The beginning of a request for a prediction, whose body has that many bytes."""
    head = f"POST {PREFIX}/api/v1.0/predictions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {length}\r\n\r\n".encode()


def test_clients_that_send_slowly_hold_up_nobody(serving: Machine) -> None:
    body = json.dumps(BLANK).encode()
    with ExitStack() as held:
        address = ("127.0.0.1", serving.own.gateway_port)
        slow = [held.enter_context(socket.create_connection(address, 30)) for _ in range(200)]
        for client in slow:
            client.sendall(_request(len(body)) + body[:100])
        time.sleep(0.5)
        started = time.monotonic()
        for _ in range(20):
            assert serving.version_that_answers() == "1"
            health = requests.get(f"{serving.own.gateway}{PREFIX}/health/status", timeout=10)
            assert health.status_code == 200
        assert time.monotonic() - started < 10
        for client in slow[:20]:
            client.sendall(body[100:])
        assert {client.recv(12) for client in slow[:20]} == {b"HTTP/1.1 200"}


def test_too_many_at_once_are_told_so_and_health_is_not(serving: Machine) -> None:
    body = json.dumps({"data": {"ndarray": [[7] * 784] * 50}}).encode()
    with ExitStack() as held:
        address = ("127.0.0.1", serving.own.gateway_port)
        clients = [held.enter_context(socket.create_connection(address, 60)) for _ in range(250)]
        for client in clients:
            client.sendall(_request(len(body)) + body[:-1])
        for client in clients:
            client.sendall(body[-1:])
        health = requests.get(f"{serving.own.gateway}{PREFIX}/health/status", timeout=10)
        answers = [client.makefile("rb").readline().split()[1] for client in clients]
    assert health.status_code == 200
    assert set(answers) == {b"200", b"503"}
    assert answers.count(b"200") >= 64


def test_apache_bench_and_browsers_are_answered(serving: Machine) -> None:
    with socket.create_connection(("127.0.0.1", serving.own.gateway_port), 10) as client:
        client.sendall(f"GET {PREFIX}/api/v1.0/metadata HTTP/1.0\r\n\r\n".encode())
        assert b" 200 OK" in client.makefile("rb").readline()
    asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    preflight = requests.options(serving.predictions, headers=asked, timeout=10)
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, asked["Origin"])


@pytest.mark.parametrize("size", [11 << 20, 40 << 20])
def test_a_body_that_is_much_too_large_is_refused_in_seldons_format(serving: Machine, size: int) -> None:
    response = requests.post(
        serving.predictions, bytes(size), headers={"content-type": "application/json"}, timeout=20
    )
    assert (response.status_code, response.json()["status"]["reason"]) == (413, "TOO_LARGE")


@pytest.fixture
def home(machine: Machine, bundles: list[Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with three versions, of which the gate passed the first and test data with one image."""
    own = make_home(tmp_path / "home")
    registry, key = engines.model_registry(own), Keys.at(own.home, {}).signing()
    versions = [registry.register(MODEL_NAME, bundle) for bundle in bundles]
    _let_pass(registry, versions[0], key)
    monkeypatch.setenv("FMNIST_HOME", str(own.home))
    monkeypatch.setenv("FMNIST_GATEWAY_PORT", str(loopback.free_ports(1)[0]))
    monkeypatch.delenv("FMNIST_GATE_KEY", raising=False)
    return own.home


def _let_pass(registry: ModelRegistry, version: ModelVersion, key: Key) -> None:
    policy = read_policy(PROJECT / "gate.yaml").sha256()
    result = make_result(version, key=key.kind, key_id=key.id, policy_sha256=policy)
    registry.annotate(version, ANNOTATION, sign(result, key))


def _run(verb: click.Command, *arguments: str) -> str:
    outcome = CliRunner().invoke(verb, arguments, catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout


def _picture(path: Path) -> Path:
    stream = BytesIO()
    Image.fromarray(np.arange(784, dtype=np.uint32).astype(np.uint8).reshape(28, 28)).save(stream, "PNG")
    path.write_bytes(stream.getvalue())
    return path


def test_the_verbs_from_up_to_down(home: Path, bundles: list[Bundle], tmp_path: Path) -> None:
    try:
        passed = json.loads(_run(up, "--json"))
        assert (passed["version"], passed["weight"], passed["ready"]) == (1, 100, True)
        assert passed["doc"].endswith(f"{PREFIX}/api/v1.0/doc/")
        refused = CliRunner().invoke(deploy)
        assert isinstance(refused.exception, GateRefused)
        assert "version 3 of fashion-classifier was never tested" in str(refused.exception)
        registry = engines.model_registry(settings.from_environment())
        _let_pass(registry, registry.get(MODEL_NAME, 3), Keys.at(home, {}).signing())
        assert "fashion-classifier 3, dataset=synthetic" in _run(deploy)
        _check_predict(tmp_path, bundles[2])
        _check_status(home)
        scratch = Path(load_state(home / "serving").served[0].scratch)
        assert scratch.exists()
        _check_status_of_the_dead(home)
    finally:
        stopped = _run(down)
    # What the killed processes left counts, too.
    assert "stopped 1 server\n" in stopped
    assert not scratch.exists()
    assert "nothing was running" in _run(down)
    assert Sessions(home / "serving").running() == []
    assert "nothing runs" in _run(status)
    assert (home / "serving" / "logs" / "v3.log").exists()


def _check_predict(folder: Path, bundle: Bundle) -> None:
    picture = _picture(folder / "shoe.png")
    answer = json.loads(_run(predict, str(picture), "--json"))[0]
    assert answer["image"] == str(picture)
    assert answer["tags"]["bundle_sha256"] == bundle.sha256
    assert sum(answer["predictions"][0]["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    table = _run(predict, str(picture))
    assert answer["predictions"][0]["label"] in table
    assert "model_version=3" in table


def _check_status(home: Path) -> None:
    document = json.loads(_run(status, "--json"))
    assert [(one["version"], one["ready"]) for one in document["deployments"]] == [(3, True)]
    names = {one["name"]: one for one in document["servers"]}
    assert set(names) == {"gateway", "version 3"}
    assert names["version 3"]["memory"] < 200_000_000
    assert names["version 3"]["log"] == str(home / "serving" / "logs" / "v3.log")
    assert "100 %" in _run(status)


def _check_status_of_the_dead(home: Path) -> None:
    state = load_state(home / "serving")
    assert state.gateway is not None
    os.kill(state.gateway.session, signal.SIGKILL)
    os.kill(state.served[0].session, signal.SIGKILL)
    assert len(Sessions(home / "serving").members(state.served[0].session)) >= 5
    failed = CliRunner().invoke(status)
    assert "NOT READY" in failed.output
    assert "DEAD" in failed.output
    assert isinstance(failed.exception, UnavailableError)
    assert "gateway is dead, version 3 is not ready" in str(failed.exception)
    document = json.loads(CliRunner().invoke(status, "--json").stdout)
    assert [one["ready"] for one in document["deployments"]] == [False]
