"""What serving costs: time to ready, memory, and one image in ONNX Runtime, direct and through the gateway.

Serves the version that `make up` would, or the latest; on a machine without one, run `make demo` first.
Times come as ratios to ONNX Runtime alone, taken in the same run, because machines differ.
"""

import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import numpy as np
import requests

from fmnist.core.fashion_mnist import MODEL_NAME
from fmnist.core.predictor import Predictor
from fmnist.deployment.base import Platform
from fmnist.deployment.local.state import load_state
from fmnist.deployment.promote import fetch
from fmnist.serving.client import Client
from fmnist.settings import from_environment
from fmnist.wiring import model_registry, platform
from tests.support.rollouts import serve_alone

ROUNDS = 500
PORT = 8099
SLOW = 200


def median_ms(call: Callable[[], object]) -> float:
    """The median of ROUNDS calls, in milliseconds; some go ahead to warm up."""
    seconds = []
    for number in range(ROUNDS + 50):
        start = time.perf_counter()
        call()
        if number >= 50:
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds) * 1000


def main() -> None:
    """Measure and print."""
    own = from_environment()
    registry = model_registry(own)
    version = registry.get(MODEL_NAME)
    with TemporaryDirectory(prefix="fmnist-bench-") as folder:
        bundle = fetch(registry, version, Path(folder) / "bundle")
        bench = own.model_copy(update={"home": Path(folder), "gateway_port": PORT})
        serving = platform(bench)
        try:
            start = time.perf_counter()
            deployment = serve_alone(serving, version.number, bundle)
            ready = time.perf_counter() - start
            fresh = memory(serving)
            image = np.frombuffer(bundle.metadata.known_answer.pixels(), np.uint8).reshape(1, 28, 28)
            predictor = Predictor(bundle)
            alone = median_ms(lambda: predictor.predict(image))
            direct_url = f"http://127.0.0.1:{load_state(bench.serving).served[0].http_port}"
            with Client(direct_url) as client:
                direct = median_ms(lambda: client.predict(image))
            with Client(deployment.url) as client:
                gateway = median_ms(lambda: client.predict(image))
                with slow_clients(deployment.url):
                    crowded = median_ms(lambda: client.predict(image))
                    health = median_ms(lambda: requests.get(f"{deployment.url}/health/status", timeout=10))
                many = np.repeat(image, 500, axis=0)
                for _ in range(20):
                    client.predict(many)
            loaded = memory(serving)
        finally:
            serving.stop()
    print(
        f"version {version.number}, {version.metadata.network}: ready, behind the gateway, in {ready:.1f} s"
    )
    for name, value in fresh.items():
        print(f"memory of {name} (PSS): {value:.0f} MB fresh, {loaded[name]:.0f} MB after 10,000 images")
    print(f"one image in ONNX Runtime, one thread: {alone:.3f} ms")
    print(
        f"one image over REST: direct {direct / alone:.0f} times that, by gateway {gateway / alone:.0f} times"
    )
    print(
        f"by gateway beside {SLOW} slow clients: {crowded / gateway:.2f} times as long as without, "
        f"a health check {health / gateway:.2f} times as long as an image"
    )


@contextmanager
def slow_clients(url: str) -> Iterator[None]:
    """Clients that have sent a request's head and one byte of its body."""
    parts = urlsplit(url)
    head = f"POST {parts.path}/api/v1.0/predictions HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n{{"
    with ExitStack() as held:
        for _ in range(SLOW):
            client = held.enter_context(socket.create_connection((parts.hostname, parts.port)))
            client.sendall(head.encode())
        yield


def memory(serving: Platform) -> dict[str, float]:
    """Megabytes by server."""
    return {server.name: server.memory / 1e6 for server in serving.servers()}


if __name__ == "__main__":
    main()
