"""W&B's own package, offline: what it would send is read from its file."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import wandb
from PIL import Image
from wandb.proto.wandb_internal_pb2 import Record
from wandb.sdk.internal.datastore import DataStore

from fmnist import wiring
from fmnist.errors import ConfigError
from fmnist.settings import Settings, from_environment
from fmnist.tracking.base import Decision, Run
from fmnist.wiring import open_run
from tests.support.runs import epoch_report


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("WANDB_MODE", "offline")
    yield from_environment({"FMNIST_HOME": str(tmp_path), "FMNIST_TRACKER": "wandb"})
    wandb.teardown()


def records(settings: Settings, run: str) -> list[Any]:
    # Its service writes on after a run's end, and closes the file at its own.
    wandb.teardown()
    (file,) = settings.home.glob(f"wandb/offline-run-*/run-{run}.wandb")
    store: Any = DataStore()
    store.open_for_scan(str(file))
    found = []
    while (data := store.scan_data()) is not None:
        record = Record()
        record.ParseFromString(data)
        found.append(record)
    return found


def values(items: Any) -> dict[str, str]:
    return {item.key or "/".join(item.nested_key): item.value_json for item in items}


def test_runs_at_the_same_time_keep_their_figures_and_pictures(settings: Settings) -> None:
    stream = io.BytesIO()
    Image.fromarray(np.zeros((28, 28), np.uint8)).save(stream, format="PNG")
    with (
        open_run(settings, "an experiment / of ours", "trial 1") as first,
        open_run(settings, "an experiment / of ours", "trial 2") as second,
    ):
        assert first.id != second.id
        for run, loss in ((first, 0.5), (second, 0.25)):
            run.start({"optimizer.name": "adamw", "width": 8, "data_commit": "c0ffee"})
            report = replace(epoch_report(1, loss), pictures={"confusion_matrix": stream.getvalue()})
            assert run.report(report) is Decision.CONTINUE
            # A training that goes on reports its epochs again.
            run.report(report)
            run.finish(Path("/somewhere/bundle"))

    for run, loss in ((first, 0.5), (second, 0.25)):
        found = records(settings, run.id)
        (head,) = [record.run for record in found if record.HasField("run")]
        assert (head.project, head.display_name[:6]) == ("an-experiment-of-ours", "trial ")
        config = values(item for r in found if r.HasField("config") for item in r.config.update)
        assert config["optimizer.name"] == '"adamw"'
        assert config["data_commit"] == '"c0ffee"'
        (epoch,) = [values(record.history.item) for record in found if record.HasField("history")]
        assert epoch["_step"] == "1"
        assert (epoch["training/loss"], epoch["validation/loss"]) == (str(loss), str(loss / 2))
        assert epoch["confusion_matrix/_type"] == '"image-file"'
        summary = values(item for r in found if r.HasField("summary") for item in r.summary.update)
        assert summary["checkpoint"] == '"/somewhere/bundle"'
        assert [record.exit.exit_code for record in found if record.HasField("exit")] == [0]
    assert len(list(settings.home.glob("wandb/offline-run-*/files/media/images/confusion_matrix*.png"))) == 2


def diverge(run: Run) -> None:
    run.start({"width": 8})
    raise ValueError("the loss is nan")


def test_a_run_that_raises_ends_as_failed(settings: Settings) -> None:
    with pytest.raises(ValueError, match="the loss"), open_run(settings, "first") as run:
        diverge(run)
    found = records(settings, run.id)
    summary = values(item for r in found if r.HasField("summary") for item in r.summary.update)
    assert summary["error"] == '"the loss is nan"'
    assert [record.exit.exit_code for record in found if record.HasField("exit")] == [1]


def test_an_unknown_tracker_is_named() -> None:
    with pytest.raises(ConfigError, match="FMNIST_TRACKER=sacred: expected mlflow, wandb or determined"):
        from_environment({"FMNIST_TRACKER": "sacred"})
    with pytest.raises(ConfigError, match="FMNIST_REGISTRY=wandb: expected mlflow or determined"):
        from_environment({"FMNIST_REGISTRY": "wandb"})


def test_a_missing_package_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(wiring, "find_spec", lambda name: None)
    own = from_environment({"FMNIST_HOME": str(tmp_path), "FMNIST_TRACKER": "wandb"})
    with pytest.raises(ConfigError, match=r"wandb is not installed; make extras adds it"):
        open_run(own, "first")
