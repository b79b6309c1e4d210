"""What a GitLab pipeline may ask of the gate: that depends on who started it."""

import os
from collections.abc import Mapping

from fmnist.errors import ConfigError

_PEOPLES = ("web", "schedule")
"""Pipelines that GitLab lets only those start on a protected branch who may also change it."""


def of_merge_request(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this is a job of a merge request's pipeline."""
    return environ.get("CI_PIPELINE_SOURCE") == "merge_request_event"


def check_orders(environ: Mapping[str, str] = os.environ) -> None:
    """Let a pipeline bring neither a policy of its own nor, unless a person started it, an override.

    Outside of pipelines both are free: what they let pass is signed by the machine's own key.

    Raises:
        ConfigError: it brings one; the message says which, and who may.
    """
    source = environ.get("CI_PIPELINE_SOURCE")
    if not source:
        return
    if environ.get("GATE_POLICY"):
        raise ConfigError(
            "GATE_POLICY is set in a pipeline, which judges by the gate.yaml of its commit; "
            "change that file by a merge request"
        )
    if environ.get("GATE_OVERRIDE") and source not in _PEOPLES:
        raise ConfigError(
            f"GATE_OVERRIDE is set in a pipeline started by {source}; only a person may override: "
            "Build > Pipelines > New pipeline on master"
        )
