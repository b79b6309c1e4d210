"""Rollouts without a history."""

from fmnist.core.bundle import Bundle
from fmnist.deployment.base import Deployment, Platform
from fmnist.deployment.execute import run
from fmnist.deployment.promote import answering_bundle
from fmnist.deployment.rollout import planned


def serve_alone(platform: Platform, version: int, bundle: Bundle) -> Deployment:
    """Give a version all traffic; nothing is recorded."""
    rollout = planned(version, None, platform.deployments())
    run(rollout, platform, lambda _: bundle, answering_bundle, lambda _: None)
    return platform.deployments()[0]
