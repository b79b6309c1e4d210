"""How long the full training data takes to a Pachyderm server and back, checked both ways.

Uses the server of PACHD_ADDRESS, in a repo of its own that is deleted afterwards; without it the tests'
own server, in this process and in memory: that says what fmnist costs, not what Pachyderm does.
"""

import contextlib
import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from fmnist import settings
from fmnist.clients.pachyderm.connection import Connection
from fmnist.data.pachyderm.store import PachydermStore
from fmnist.data.sources import find, places

ROUNDS = 3


@contextlib.contextmanager
def server() -> Iterator[Connection]:
    """The server to measure."""
    pachd = settings.from_environment().pachd
    if pachd:
        yield Connection(pachd)
        return
    from tests.support.pachd.server import serving

    print("PACHD_ADDRESS is not set: the tests' own server, in memory, in this process")
    with serving() as own:
        yield Connection(own.pachd)


def measure(connection: Connection, files: dict[str, Path], cache: Path) -> tuple[float, float]:
    """Seconds of a put until its commit is finished, and of a checked read by another client."""
    repo = f"fmnist-bench-{uuid.uuid4().hex[:8]}"
    try:
        begun = time.perf_counter()
        commit = PachydermStore(connection, cache).put(repo, files, "bench")
        put = time.perf_counter() - begun
        begun = time.perf_counter()
        other = PachydermStore(Connection(connection.pachd), cache)
        for file in other.get(repo, commit.id).files:
            other.read(commit, file.name)
        return put, time.perf_counter() - begun
    finally:
        connection.client.delete_repo(repo, force=True)


def main() -> None:
    """Print what was measured, and on what."""
    raw = find(places(settings.from_environment()), print)
    size = sum(path.stat().st_size for path in raw.train.values()) / 1e6
    print(f"{raw.origin} training data, {size:.1f} MB; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with server() as connection, tempfile.TemporaryDirectory() as cache:
        found = connection.client.get_remote_version()
        version = f"{found.major}.{found.minor}.{found.micro}{found.additional}"
        print(f"{connection.pachd.url}: pachd {version}")
        for _ in range(ROUNDS):
            put, read = measure(connection, dict(raw.train), Path(cache))
            print(f"put and wait {put:.2f} s, checked read {read:.2f} s, together {put + read:.2f} s")


if __name__ == "__main__":
    main()
