"""MLflow's runs and registry in a real Postgres."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fmnist.clients.mlflow import open_client
from fmnist.errors import NotFoundError, UnavailableError
from fmnist.registry.base import Champions
from fmnist.settings import from_environment
from fmnist.wiring import model_registry, open_run
from tests.support import postgres
from tests.support.bundles import make_bundle
from tests.support.runs import epoch_report

PASSWORD = "open-sesame"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with postgres.running_or_skipped(PASSWORD) as address:
        yield address


def test_a_run_by_its_address(address: str, tmp_path: Path) -> None:
    settings = from_environment({"FMNIST_HOME": str(tmp_path), "FMNIST_TRACKING_URI": address})
    with open_run(settings, "an experiment", "trial 1") as run:
        run.start({"optimizer.learning_rate": 0.01, "train_data_commit": "c0ffee"})
        for epoch, loss in ((1, 0.5), (2, 0.25)):
            run.report(epoch_report(epoch, loss))
        run.finish(Path("/somewhere/bundle"))
    client = open_client(settings)
    found = client.get_run(run.id)
    assert (found.info.status, found.info.run_name) == ("FINISHED", "trial 1")
    assert found.data.params == {"optimizer.learning_rate": "0.01"}
    assert found.data.metrics["validation/loss"] == 0.125
    assert len(client.get_metric_history(run.id, "training/loss")) == 2
    assert not (tmp_path / "mlflow.db").exists()


def test_a_wrong_password_is_told_and_not_repeated(address: str, tmp_path: Path) -> None:
    wrong = address.replace(PASSWORD, "swordfish")
    settings = from_environment({"FMNIST_HOME": str(tmp_path), "FMNIST_TRACKING_URI": wrong})
    with pytest.raises(UnavailableError, match="password authentication failed") as caught:
        open_run(settings, "an experiment")
    assert "swordfish" not in str(caught.value)


def test_versions_are_read_without_mlflow_as_it_wrote_them(address: str, tmp_path: Path) -> None:
    settings = from_environment({"FMNIST_HOME": str(tmp_path), "FMNIST_TRACKING_URI": address})
    registry = model_registry(settings)
    with pytest.raises(NotFoundError, match="no model m in the registry; there are: "):
        registry.get("m")
    for seed in range(3):
        registry.register("m", make_bundle(tmp_path / str(seed), seed=seed))
    registry.annotate(registry.get("m", 2), "fmnist.note", "ä\n'\"")
    open_client(settings).delete_model_version("m", "1")
    assert [version.number for version in registry.versions("m")] == [3, 2]
    assert registry.get("m", 2).annotations == {"fmnist.note": "ä\n'\""}
    assert registry.champions("m") == Champions()
    registry.set_champion("m", 2)
    second = registry.get("m", 2).bundle_sha256
    assert registry.champions("m") == Champions(second, frozenset((second,)))
