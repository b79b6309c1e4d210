"""Record of the servers on this machine, kept between commands."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fmnist.catalogue.machine_records import MachineRecord


@dataclass(frozen=True)
class Served:
    """A version's microservice.

    Attributes:
        bundle: folder of its bundle.
        bundle_sha256: digest of that.
        session: identifies its processes.
        http_port: these listen on 127.0.0.1.
        scratch: folder for its temporary files.
        weight: its share of the traffic in percent, 0-100.
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
    """The running gateway.

    Attributes:
        session: identifies its processes.
        port: it and ``admin_port`` listen on 127.0.0.1.
        path: prefix of the paths that it routes.
    """

    session: int
    port: int
    admin_port: int
    path: str
    log: str

    @property
    def url(self) -> str:
        """Address of the model for clients; no slash at the end."""
        return f"http://127.0.0.1:{self.port}{self.path}"


@dataclass(frozen=True)
class ServingState:
    """The gateway, if there is one, and the versions, lowest number first."""

    gateway: RunningGateway | None = None
    served: tuple[Served, ...] = ()

    def version(self, number: int) -> Served | None:
        """The version's microservice; None if it does not run."""
        return next((served for served in self.served if served.version == number), None)

    def with_version(self, added: Served) -> "ServingState":
        """The state in which ``added`` takes the place of its version's microservice."""
        others = self.without_version(added.version).served
        return replace(self, served=tuple(sorted([*others, added], key=lambda served: served.version)))

    def without_version(self, number: int) -> "ServingState":
        """The state without that version."""
        return replace(self, served=tuple(served for served in self.served if served.version != number))

    def with_weights(self, weights: Mapping[int, int]) -> "ServingState":
        """The state with that split of the traffic; versions that are not named get none."""
        return replace(
            self,
            served=tuple(replace(served, weight=weights.get(served.version, 0)) for served in self.served),
        )


def load_state(folder: Path) -> ServingState:
    """Read ``folder``'s state from the catalogue of the home that it lies in; empty if nothing ever ran.

    Raises:
        IntegrityError: the record is damaged.
    """
    return _record(folder).read() or ServingState()


def save_state(folder: Path, state: ServingState) -> None:
    """Replace ``folder``'s state."""
    _record(folder).write(state)


def forget_state(folder: Path) -> None:
    """Remove ``folder``'s state: nothing runs any more."""
    _record(folder).delete()


def _record(folder: Path) -> MachineRecord[ServingState]:
    way_out = "run fmnist down, which removes it"
    return MachineRecord(folder.parent, "serving", folder.name, ServingState, folder / "state.json", way_out)
