"""The port to a serving platform: Seldon behind Istio, or one machine with Envoy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from fmnist.core.bundle import Bundle


@dataclass(frozen=True)
class Deployment:
    """A model version that a platform runs. ``weight`` is its share of traffic in percent, 0-100."""

    model: str
    version: int
    weight: int
    ready: bool
    url: str


class Platform(Protocol):
    """Runs several versions of a model side by side and splits traffic between them.

    ``apply`` returns once the version is ready (it gave its known answer) and takes no traffic
    from the others; ``set_weights`` returns once the gateway was seen to follow it. Weights are
    percent by version and sum to 100; a version at 0 stays warm until ``remove``.
    """

    def apply(self, version: int, bundle: Bundle) -> Deployment:
        """Start a version (nothing happens if it runs already)."""
        ...

    def set_weights(self, weights: Mapping[int, int]) -> None:
        """Split the traffic."""
        ...

    def deployments(self) -> list[Deployment]:
        """What runs, highest weight first; empty when nothing does."""
        ...

    def remove(self, version: int) -> None:
        """Stop a version that has no traffic."""
        ...
