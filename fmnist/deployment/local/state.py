"""What runs on this machine, as it is remembered between commands."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fmnist.errors import IntegrityError
from fmnist.files.atomic import write_atomically

_SCHEMA = 1


@dataclass(frozen=True)
class Served:
    """A version's microservice. ``session`` names its processes, ``scratch`` is its folder for temporary
    files, ``weight`` its share of traffic in percent, 0-100.
    """

    version: int
    bundle: str
    bundle_sha256: str
    session: int
    http_port: int
    grpc_port: int
    metrics_port: int
    scratch: str
    log: str
    weight: int


@dataclass(frozen=True)
class RunningGateway:
    """Envoy's processes, where it listens on 127.0.0.1, and the address that it routes."""

    session: int
    port: int
    admin_port: int
    path: str
    log: str

    @property
    def url(self) -> str:
        """Where clients find the model; no slash at the end."""
        return f"http://127.0.0.1:{self.port}{self.path}"


@dataclass(frozen=True)
class State:
    """The gateway, if there is one, and the versions, lowest number first."""

    gateway: RunningGateway | None = None
    served: tuple[Served, ...] = ()

    def version(self, number: int) -> Served | None:
        """That version's microservice."""
        return next((one for one in self.served if one.version == number), None)

    def with_version(self, added: Served) -> "State":
        """The state in which ``added`` takes the place of its version's microservice."""
        others = [one for one in self.served if one.version != added.version]
        return replace(self, served=tuple(sorted([*others, added], key=lambda one: one.version)))

    def without_version(self, number: int) -> "State":
        """The state without that version."""
        return replace(self, served=tuple(one for one in self.served if one.version != number))

    def with_weights(self, weights: Mapping[int, int]) -> "State":
        """The state in which traffic is split so; versions that are not named get none."""
        return replace(
            self, served=tuple(replace(one, weight=weights.get(one.version, 0)) for one in self.served)
        )


def load_state(folder: Path) -> State:
    """Read ``folder``'s state; an empty one if nothing was ever started.

    Raises:
        IntegrityError: the file is damaged.
    """
    path = _path(folder)
    if not path.exists():
        return State()
    try:
        return _from_document(json.loads(path.read_text()))
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            f"{path}: not a serving state of this fmnist ({error!r}); run fmnist down, which removes it"
        ) from error


def save_state(folder: Path, state: State) -> None:
    """Replace ``folder``'s state."""
    write_atomically(_path(folder), json.dumps({"schema_version": _SCHEMA, **asdict(state)}, indent=2) + "\n")


def forget_state(folder: Path) -> None:
    """Nothing runs any more."""
    _path(folder).unlink(missing_ok=True)


def _from_document(raw: Any) -> State:
    if raw["schema_version"] != _SCHEMA:
        raise ValueError(f"schema_version is {raw['schema_version']}, expected {_SCHEMA}")
    gateway = RunningGateway(**raw["gateway"]) if raw["gateway"] else None
    return State(gateway, tuple(Served(**one) for one in raw["served"]))


def _path(folder: Path) -> Path:
    return folder / "state.json"
