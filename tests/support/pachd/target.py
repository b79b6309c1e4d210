"""What the contract tests talk to: the tests' own server, or the real one that PACHD_ADDRESS names."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fmnist.clients.pachyderm.connection import Connection, Deadlines
from fmnist.data.pachyderm.store import PachydermStore
from fmnist.settings import from_environment
from fmnist.settings.pachd_address import Pachd
from tests.support.pachd.server import MESSAGE_BYTES, PachdServer, serving
from tests.support.real import SERVERS

IN_PROCESS, REAL = "pachd-in-process", "pachd-real"
_REAL_MESSAGE_BYTES = 19 * (1 << 20)
KINDS = (IN_PROCESS, REAL) if SERVERS.get("PACHD_ADDRESS") else (IN_PROCESS,)
"""The targets of this run: a real one only if asked for it."""


class Target:
    """A server, a name for a repo that nobody else uses, and ways to talk to both."""

    def __init__(self, pachd: Pachd, server: PachdServer | None, folder: Path) -> None:
        self.pachd = pachd
        self.repo = f"garments-{uuid.uuid4().hex[:8]}"
        self.message_bytes = MESSAGE_BYTES if server else _REAL_MESSAGE_BYTES
        self._server = server
        self._folder = folder

    @property
    def server(self) -> PachdServer:
        """The tests' own server; a test that needs it to misbehave ends here with a real one."""
        if self._server is None:
            pytest.skip("a real server does not misbehave on demand")
        return self._server

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead ``fmnist`` to the server, and its state to the test's folder."""
        found = {"PACHD_ADDRESS": self.pachd.url, "FMNIST_HOME": str(self._folder / "home")}
        if self.pachd.token:
            found["PACH_PYTHON_AUTH_TOKEN"] = self.pachd.token
        if self.pachd.authorities:
            found["PACHD_CA_FILE"] = str(self.pachd.authorities)
        return found

    def connection(self, deadlines: Deadlines | None = None) -> Connection:
        return Connection(self.pachd, deadlines)

    def store(self, pachd: Pachd | None = None, deadlines: Deadlines | None = None) -> PachydermStore:
        return PachydermStore(Connection(pachd or self.pachd, deadlines), self._folder / "sums")

    @property
    def client(self) -> Any:
        """python-pachyderm's own client, as others use it."""
        return self.connection().client

    def put_by_hand(self, **contents: bytes) -> str:
        """As ``pachctl put file`` does, one commit, nothing is taken away; gives its id."""
        client = self.client
        client.create_repo(self.repo, update=True)
        with client.modify_file_client((self.repo, "master")) as changes:
            for name, content in contents.items():
                changes.put_file_from_bytes(f"/{name}", content)
        commit: str = client.inspect_branch(self.repo, "master").head.id
        client.wait_commit((self.repo, commit))
        return commit

    def clean(self) -> None:
        if self._server is None:
            client = self.client
            for name in [info.repo.name for info in client.list_repo()]:
                if name.startswith(self.repo):
                    client.delete_repo(name, force=True)


@contextmanager
def target_of(kind: str, folder: Path) -> Iterator[Target]:
    """The target of a test; ``kind`` is IN_PROCESS or REAL."""
    if kind == IN_PROCESS:
        with serving() as server:
            yield Target(server.pachd, server, folder)
        return
    pachd = from_environment({**os.environ, **SERVERS, "FMNIST_DATA_STORE": "pachyderm"}).pachd
    assert pachd
    target = Target(pachd, None, folder)
    try:
        yield target
    finally:
        target.clean()
