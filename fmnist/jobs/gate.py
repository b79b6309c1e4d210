"""The gate as a person or a pipeline calls it: everything by name, from this machine's settings."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fmnist import wiring as engines
from fmnist.core.fashion_mnist import MODEL_NAME, TEST
from fmnist.errors import InputError
from fmnist.gate.gate import GateRequest, GateRun, run_gate, save
from fmnist.gate.gitlab import is_merge_request
from fmnist.gate.policy import read_policy
from fmnist.gate.signing import Keys
from fmnist.gate.verdict import Override
from fmnist.settings import PROJECT, Settings, user

POLICY = PROJECT / "gate.yaml"


@dataclass(frozen=True)
class GateArguments:
    """Everything a gate is called with.

    Attributes:
        number: of the version; None for the latest.
        data: a branch or commit of the test data.
        policy: a gate.yaml.
        override: the reason to let the version pass whatever the rules say; None for none.
    """

    model: str = MODEL_NAME
    number: int | None = None
    data: str = "master"
    policy: Path = POLICY
    override: str | None = None


def run(settings: Settings, arguments: GateArguments, environ: Mapping[str, str] = os.environ) -> GateRun:
    """Test a version now; the result is signed, and saved with the version.

    A merge request's result is not: its code and policy have not been reviewed yet. Its job can do with a
    home that it cannot write.

    Args:
        settings: choose registry, data store and keys.
        arguments: which version to test, on what data, by which policy.
        environ: may hold CI's key (``FMNIST_GATE_KEY``) and GitLab's predefined variables.

    Raises:
        ConfigError: the policy or the key cannot be used.
        NotFoundError: the version or the commit does not exist, or the champion no longer does.
        IntegrityError: a bundle or data are not what was recorded.
        UnavailableError: registry or data store cannot be reached.
    """
    policy = read_policy(arguments.policy)
    registry, store = engines.model_registry(settings), engines.data_store(settings)
    version = registry.get(arguments.model, arguments.number)
    test_data = store.get(TEST.repo, arguments.data)
    champions = engines.champions(settings, version.model)
    is_kept = not is_merge_request(environ)
    # Not earlier: an empty home stays as it is when there is no such version.
    keys = Keys.at(settings.home, environ)
    key = keys.signing() if is_kept else keys.available()
    request = GateRequest(
        version=version,
        test_data=test_data,
        policy=policy,
        champions=champions,
        key=key,
        time=datetime.now(UTC),
        override=_override(arguments.override, environ),
        pipeline=environ.get("CI_PIPELINE_URL") or None,
    )
    run = run_gate(registry, store, request)
    if key is None or not is_kept:
        return run
    return save(registry, engines.verdict_log(settings, version.model), run, key)


def _override(reason: str | None, environ: Mapping[str, str]) -> Override | None:
    if reason is None:
        return None
    if not reason.strip():
        raise InputError("an override needs a reason that others will understand")
    return Override(user(environ), reason.strip())
