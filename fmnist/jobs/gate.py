"""The gate as a person or a pipeline calls it: everything by name, from this machine's settings."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fmnist import settings
from fmnist import wiring as engines
from fmnist.core.fashion_mnist import MODEL_NAME, TEST
from fmnist.errors import InputError
from fmnist.gate.examine import Examined, Occasion, examine, keep
from fmnist.gate.gitlab_variables import of_merge_request
from fmnist.gate.incumbents import incumbents_of
from fmnist.gate.keys import Keys
from fmnist.gate.policy import read_policy
from fmnist.gate.result import Override
from fmnist.settings import PROJECT, Settings

POLICY = PROJECT / "gate.yaml"


@dataclass(frozen=True)
class Order:
    """What to test and by what. ``number`` None is the latest; ``data`` a branch or commit of the test data.

    ``override`` is the reason to let the version pass whatever the rules say, None for none.
    """

    model: str = MODEL_NAME
    number: int | None = None
    data: str = "master"
    policy: Path = POLICY
    override: str | None = None


def run(own: Settings, order: Order, environ: Mapping[str, str] = os.environ) -> Examined:
    """Test a version now; the result is signed, and kept with the version.

    ``environ`` may hold CI's key (``FMNIST_GATE_KEY``) and what GitLab tells of the pipeline. That of a
    merge request is not kept: nobody has agreed yet to the code and the policy that it judges by.

    Raises:
        ConfigError: the policy or the key cannot be used.
        NotFoundError: there is no such version or commit, or what it is compared with is gone.
        IntegrityError: a bundle or data are not what was recorded.
        UnavailableError: registry or data store cannot be reached.
    """
    policy = read_policy(order.policy)
    registry, store = engines.model_registry(own), engines.data_store(own)
    version = registry.get(order.model, order.number)
    # Not before: asking a home that does not exist leaves none behind.
    key = Keys.at(own.home, environ).signing()
    occasion = Occasion(
        key,
        datetime.now(UTC),
        _override(order.override, environ),
        environ.get("CI_PIPELINE_URL") or None,
    )
    test_data = store.get(TEST.repo, order.data)
    incumbents = incumbents_of(engines.promotion_log(own, version.model).read())
    examined = examine(registry, store, version, test_data, policy, incumbents, occasion)
    return examined if of_merge_request(environ) else keep(registry, examined)


def _override(reason: str | None, environ: Mapping[str, str]) -> Override | None:
    if reason is None:
        return None
    if not reason.strip():
        raise InputError("an override needs a reason that others will understand")
    return Override(settings.user(environ), reason.strip())
