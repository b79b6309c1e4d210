"""A Postgres server of a test's own, on a free port of this machine."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2  # type: ignore[import-untyped]
import pytest

SECONDS = 60


def binaries() -> Path | None:
    """The folder of the newest packaged server, or of the one on the PATH; None without either."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if packaged:
        return packaged[-1]
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@contextmanager
def running_or_skipped(password: str) -> Iterator[str]:
    """A server as ``running`` gives it; skips the test on a machine without Postgres."""
    tools = binaries()
    if tools is None:
        pytest.skip(
            "no Postgres: no initdb in /usr/lib/postgresql or on the PATH (apt-get install postgresql)"
        )
    with running(tools, password) as address:
        yield address


@contextmanager
def running(tools: Path, password: str) -> Iterator[str]:
    """A fresh server with the user ada; gives the address of its database."""
    # Not in pytest's folder, which is closed to the user that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="fmnist-postgres-"))
    user = _user()
    if user is not None:
        os.chown(folder, user, -1)
    secret = folder / "password"
    secret.write_text(password)
    secret.chmod(0o644)
    port = _free_port()
    access = ["--auth=scram-sha-256", "--username=ada", f"--pwfile={secret}"]
    subprocess.run(
        [tools / "initdb", "-D", folder / "data", *access, "--no-sync"],
        check=True,
        capture_output=True,
        cwd=folder,
        user=user,
        timeout=SECONDS,
    )
    listening = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
    server = subprocess.Popen(
        [tools / "postgres", "-D", folder / "data", "-p", str(port), *listening, "-c", "fsync=off"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        user=user,
        start_new_session=True,
    )
    address = f"postgresql://ada:{password}@127.0.0.1:{port}/postgres"
    try:
        _await(address)
        yield address
    finally:
        # Postgres's fast shutdown, which ends its children too.
        server.send_signal(signal.SIGINT)
        server.wait(SECONDS)
        shutil.rmtree(folder)


def _user() -> int | None:
    """Postgres refuses to run as root."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _free_port() -> int:
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        port: int = own.getsockname()[1]
        return port


def _await(address: str) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            psycopg2.connect(address).close()
        except psycopg2.OperationalError:
            assert time.monotonic() < deadline, "Postgres did not start"
            time.sleep(0.1)
        else:
            return
