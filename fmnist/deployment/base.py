"""Port to a serving platform: Seldon behind Istio, or one machine with Envoy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from fmnist.core.bundle import Bundle


@dataclass(frozen=True)
class Deployment:
    """A model version that a platform runs.

    Attributes:
        bundle_sha256: digest of its bundle: what it is, whatever its number.
        weight: its share of the traffic in percent, 0-100.
        ready: whether it would answer a request that the gateway sends it.
        url: address of the model, without a slash at the end; the same for all of its versions.
    """

    model: str
    version: int
    bundle_sha256: str
    weight: int
    ready: bool
    url: str


@dataclass(frozen=True)
class Server:
    """The processes or pods behind a deployment or the gateway.

    Attributes:
        name: ``gateway``, ``version 3``, or ``forgotten`` for what runs without being recorded.
        pids: process ids on this machine; empty if it died, or where pods run it.
        memory: of all of them together, in bytes.
        log: path or command by which its log is read; empty if there is none.
        pods: names of its pods; empty if it died, or where processes run it.
    """

    name: str
    pids: tuple[int, ...]
    memory: int
    log: str
    pods: tuple[str, ...] = ()


class Platform(Protocol):
    """Run several versions of a model side by side and split the traffic between them.

    ``apply`` returns once the version is ready (it passed its self-test) and takes no traffic
    from the others; ``set_weights`` returns once the gateway was seen to follow it. Weights are
    percent by version and sum to 100, or are empty for none at all; a version at 0 stays warm until
    ``remove``. Without versions there is no gateway either.
    """

    @property
    def url(self) -> str:
        """Address of the model at the gateway, whether or not that runs; no slash at the end."""
        ...

    @property
    def place(self) -> str:
        """Identity of the platform, such as its machine and folder."""
        ...

    def apply(self, version: int, bundle: Bundle) -> Deployment:
        """Start a version; one that runs and is ready stays as it is."""
        ...

    def set_weights(self, weights: Mapping[int, int]) -> None:
        """Split the traffic; versions that are not named get none."""
        ...

    def deployments(self) -> list[Deployment]:
        """The deployed versions, highest weight first; empty when nothing runs."""
        ...

    def remove(self, version: int) -> None:
        """Stop a version that has no traffic."""
        ...

    def servers(self) -> Sequence[Server]:
        """The processes or pods of the gateway and of all versions, for people."""
        ...

    def stop(self) -> int:
        """Stop everything, also what is not recorded or cannot be read; the number of servers stopped."""
        ...
