"""For contract tests: a master to speak with, and a look behind its registry."""

import base64
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

from determined.common.api._session import BaseSession
from determined.common.api.errors import APIException

from fmnist.clients.determined import Session, log_in
from fmnist.registry.base import ModelVersion
from fmnist.settings import Settings, from_environment
from tests.support.determined.server import serving
from tests.support.real import SERVERS

MASTER = "determined-real" if "DET_MASTER" in SERVERS else "determined"
"""Which one the tests speak with; make contract-real asks for the real one."""


@contextmanager
def reachable_master(storage: Path) -> Iterator[dict[str, str]]:
    """The environment for a master: a real one if this run was asked for it, else one of this process.

    What this process made at a real one is removed after the block.
    """
    place = {"FMNIST_CHECKPOINT_STORAGE": str(storage)}
    if "DET_MASTER" in SERVERS:
        environment = {**SERVERS, **place}
        with removed_afterwards(environment):
            yield environment
        return
    with serving(storage) as master:
        yield {**place, **master.environment()}


@contextmanager
def removed_afterwards(environment: dict[str, str]) -> Iterator[None]:
    """Remove the models and experiments that this process makes at a master within the block."""
    made: set[str] = set()
    send = BaseSession._do_request

    def recorded(session: BaseSession, method: str, path: str, *more: Any, **named: Any) -> Any:
        response = send(session, method, path, *more, **named)
        kind = path.removeprefix("/api/v1/").split("/")[0]
        if method in ("POST", "PUT") and kind in ("models", "experiments"):
            answer = response.json() or {}
            if "model" in answer:
                made.add(f"models/{answer['model']['name']}")
            if "experiment" in answer:
                made.add(f"experiments/{answer['experiment']['id']}")
        return response

    try:
        with patch.object(BaseSession, "_do_request", recorded):
            yield
    finally:
        _remove(made, environment)


def _remove(made: set[str], environment: dict[str, str]) -> None:
    session = _session(from_environment(environment))
    # Models first: a version keeps its checkpoint, and so its experiment.
    for path in sorted(made, reverse=True):
        if path.startswith("experiments"):
            with suppress(APIException):
                session.post(f"/api/v1/{path}/kill")
        try:
            session.delete(f"/api/v1/{path}")
        except APIException as error:
            warnings.warn(f"{path} stays at the master: {error}", stacklevel=2)


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
