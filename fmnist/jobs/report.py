"""Collect the report on all versions from this machine's engines."""

from datetime import UTC, datetime

from fmnist import wiring as engines
from fmnist.gate.gate import GateRun
from fmnist.report.gather import gather
from fmnist.report.model import ModelReport
from fmnist.settings import Settings


def collect(
    own: Settings, model: str, subject: int | None = None, tested: GateRun | None = None
) -> ModelReport:
    """A report from this machine's registry, data and log; see ``gather``.

    Raises:
        IntegrityError: the promotion log is damaged.
    """
    history = engines.promotion_log(own, model).read()
    registry, store = engines.model_registry(own), engines.data_store(own)
    return gather(registry, store, history, model, datetime.now(UTC), subject, tested)
