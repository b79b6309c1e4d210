"""A version takes over from whatever serves, without a gap."""

from pathlib import Path

from fmnist.core.bundle import Bundle, open_bundle
from fmnist.deployment.base import Deployment, Platform
from fmnist.errors import FmnistError
from fmnist.registry.base import ModelRegistry, ModelVersion


def fetch(registry: ModelRegistry, version: ModelVersion, folder: Path) -> Bundle:
    """The version's bundle in ``folder``, downloaded unless it is there already, whole and unchanged."""
    try:
        bundle = open_bundle(folder)
        if bundle.sha256 == version.bundle_sha256:
            return bundle
    except FmnistError:
        pass
    return registry.download(version, folder)


def serve_alone(platform: Platform, version: int, bundle: Bundle) -> Deployment:
    """Give ``version`` all traffic once it is ready, then stop the others.

    If it does not get ready, those that serve go on as before.
    """
    platform.apply(version, bundle)
    platform.set_weights({version: 100})
    for other in platform.deployments():
        if other.version != version:
            platform.remove(other.version)
    return platform.deployments()[0]
