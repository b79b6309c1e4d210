"""What runs on this machine, as processes: for people who look, and to end all of it."""

from collections.abc import Sequence
from pathlib import Path

from fmnist.deployment.base import Server
from fmnist.deployment.local import microservice, processes
from fmnist.deployment.local.state import forget_state, load_state
from fmnist.files.lock import only_writer

_LOCK_SECONDS = 90.0
_STOP_SECONDS = 5.0


def servers(folder: Path) -> Sequence[Server]:
    """The gateway and the versions that should run, and what else runs from this serving ``folder``."""
    state = load_state(folder)
    known = {one.session: (f"version {one.version}", one.log) for one in state.served}
    if state.gateway:
        known = {state.gateway.session: ("gateway", state.gateway.log), **known}
    forgotten = [session for session in processes.sessions(folder) if session not in known]
    named = {**known, **dict.fromkeys(forgotten, ("forgotten", ""))}
    return [_server(name, session, log, folder) for session, (name, log) in named.items()]


def stop_all(folder: Path) -> Sequence[int]:
    """Stop every server that was started from this serving ``folder``; the sessions that were stopped.

    Raises:
        FmnistError: a process does not end.
    """
    if not folder.exists():
        return []
    with only_writer(folder / "lock", _LOCK_SECONDS, "serving"):
        running = processes.sessions(folder)
        processes.stop(running, folder, _STOP_SECONDS)
        microservice.remove_scratch(folder)
        forget_state(folder)
    return running


def _server(name: str, session: int, log: str, folder: Path) -> Server:
    found = processes.members(session, folder)
    return Server(name, tuple(process.pid for process in found), processes.memory(found), log)
