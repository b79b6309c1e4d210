"""For contract tests: a master to speak with, and a look behind its registry."""

import base64
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fmnist.clients.determined.session import Session, log_in
from fmnist.registry.base import ModelVersion
from fmnist.settings import Settings
from tests.support.determined.server import serving

MASTER = "determined-real" if "DET_MASTER" in os.environ else "determined"
"""Which one the tests speak with; make contract-real asks for the real one."""


@contextmanager
def reachable_master(storage: Path) -> Iterator[dict[str, str]]:
    """The environment for a master: the real one where DET_MASTER is set, else one of this process."""
    place = {"FMNIST_CHECKPOINT_STORAGE": str(storage)}
    if "DET_MASTER" in os.environ:
        yield place
        return
    with serving(storage) as master:
        yield {**place, **master.environment()}


def stored_file(own: Settings, version: ModelVersion, name: str) -> Path:
    """Where the version's file lies in the checkpoint storage of these settings, a folder."""
    answer = _session(own).get(f"/api/v1/models/{version.model}/versions/{version.number}").json()
    uuid = str(answer["modelVersion"]["checkpoint"]["uuid"])
    return Path(own.checkpoint_storage) / uuid / "bundle" / name


def alter_attachment(own: Settings, version: ModelVersion, sha256: str) -> None:
    """Put other bytes in its place."""
    session, path = _session(own), f"/api/v1/models/{version.model}/versions/{version.number}"
    metadata = session.get(path).json()["modelVersion"]["metadata"]
    metadata["attachments"][sha256] = base64.b64encode(zlib.compress(b"evidenca")).decode()
    session.patch(path, json={"metadata": metadata})


def _session(own: Settings) -> Session:
    assert own.determined
    return log_in(own.determined)
