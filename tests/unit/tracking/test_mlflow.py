import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.cli import cli
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fmnist.errors import UnavailableError
from fmnist.settings import PROJECT, Settings, from_environment
from fmnist.tracking.base import Decision
from fmnist.tracking.mlflow import MlflowRun
from fmnist.wiring import open_run
from tests.support.homes import make_home
from tests.support.pages import commands, take
from tests.support.processes import ended
from tests.support.runs import epoch_report

QUIET = """
import sys
from pathlib import Path
from fmnist.wiring import open_run
from fmnist.settings import from_environment
from tests.support.runs import epoch_report
with open_run(from_environment(), "quiet") as run:
    run.start({"width": 8})
    run.report(epoch_report(1, 0.5))
    run.finish(Path("bundle"))
sys.exit("tensorflow" in sys.modules)
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_home(tmp_path_factory.mktemp("made") / "home")


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator["subprocess.Popen[bytes]"]:
    """A run in a process and a home of its own. Started early: it takes the other core."""
    environment = {"FMNIST_HOME": str(tmp_path_factory.mktemp("quiet")), "PATH": "/usr/bin:/bin"}
    process = subprocess.Popen(
        [sys.executable, "-c", QUIET],
        env=environment,
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with ended(process):
        yield process


@pytest.fixture(scope="module")
def client(settings: Settings, quiet: object, tensorboard: object) -> MlflowClient:
    with MlflowRun.open(settings, "first") as run:
        run.finish(Path("bundle"))
    return MlflowClient(settings.tracking_uri)


def test_a_run_in_mlflow_and_tensorboard(settings: Settings, client: MlflowClient) -> None:
    with open_run(settings, "an experiment / of ours", "trial 1") as run:
        run.start(
            {
                "width": 8,
                "parent": None,
                "train_data_commit": "c0ffee",
                "git_commit": "beef",
                "data_origin": "synthetic",
            }
        )
        assert run.report(epoch_report(1, 0.5)) is Decision.CONTINUE
        run.report(epoch_report(2, 0.25))
        run.finish(Path("/somewhere/bundle"))

    found = client.get_run(run.id)
    assert found.info.run_name == "trial 1"
    assert found.info.status == "FINISHED"
    assert found.data.params == {"width": "8"}
    wanted = {"train_data_commit": "c0ffee", "git_commit": "beef", "data_origin": "synthetic"}
    assert wanted.items() < found.data.tags.items()
    assert found.data.tags["checkpoint"] == "/somewhere/bundle"
    losses = client.get_metric_history(run.id, "validation/loss")
    assert [(metric.step, metric.value) for metric in losses] == [(1, 0.25), (2, 0.125)]
    pictures = [file.path for file in client.list_artifacts(run.id, "confusion_matrix")]
    assert pictures == ["confusion_matrix/epoch-001.png", "confusion_matrix/epoch-002.png"]
    assert list(
        (settings.artifacts / "runs").glob(f"an-experiment-of-ours/{run.id}/artifacts/confusion_matrix/*")
    )
    assert len(list(settings.tensorboard.glob("an-experiment-of-ours/trial-1-*/events.*"))) == 1


def test_a_run_that_raises_ends_as_failed(settings: Settings, client: MlflowClient) -> None:
    with pytest.raises(ValueError, match="the loss"), open_run(settings, "first") as run:
        raise ValueError("the loss is nan")
    found = client.get_run(run.id)
    assert found.info.status == "FAILED"
    assert found.data.tags["error"] == "the loss is nan"


def test_a_deleted_experiment_is_taken_up_again(settings: Settings, client: MlflowClient) -> None:
    client.delete_experiment(client.create_experiment("deleted"))
    with open_run(settings, "deleted") as run:
        run.finish(Path("bundle"))
    assert client.get_run(run.id).info.status == "FINISHED"


def test_a_tracker_that_cannot_be_used_is_named_without_its_password(tmp_path: Path) -> None:
    address = "postgresql://ada:{}@127.0.0.1:1/mlflow"
    environment = {"FMNIST_HOME": str(tmp_path), "FMNIST_TRACKING_URI": address.format("secret")}
    with pytest.raises(UnavailableError) as caught:
        open_run(from_environment(environment), "first")
    assert str(caught.value).startswith("MLflow at postgresql+psycopg2://ada:***@127.0.0.1:1/mlflow: ")
    assert "secret" not in str(caught.value)


def test_mlflow_takes_the_command_of_the_documentation() -> None:
    (asked,) = commands("docs/training.md", "mlflow")
    assert asked[0] == "ui"
    take(cli, asked)


def interrupted_run(settings: Settings, job: str) -> MlflowRun:
    with (
        contextlib.suppress(KeyboardInterrupt),
        MlflowRun.open(settings, "killed", "trial-0", job=job) as run,
    ):
        run.start({"width": 8, "git_commit": "beef"})
        run.report(epoch_report(1, 0.5))
        raise KeyboardInterrupt
    return run


def test_a_run_that_is_gone_on_with_is_the_same_and_has_each_epoch_once(
    settings: Settings, client: MlflowClient
) -> None:
    run = interrupted_run(settings, "abc")
    found = client.get_run(run.id)
    assert (found.info.status, found.data.tags["error"]) == ("KILLED", "KeyboardInterrupt")

    with open_run(settings, "killed", "trial-0", job="abc") as again:
        assert client.get_run(run.id).info.status == "RUNNING"
        again.start({"width": 8, "git_commit": "beef"})
        for epoch in (1, 2):
            assert again.report(epoch_report(epoch, 0.5 / epoch)) is Decision.CONTINUE
        again.finish(Path("bundle"))
    with open_run(settings, "killed", "trial-1", job="abd") as other:
        pass
    assert run.id == again.id != other.id
    found = client.get_run(run.id)
    assert found.info.status == "FINISHED"
    assert "error" not in found.data.tags
    steps = [metric.step for metric in client.get_metric_history(run.id, "validation/loss")]
    assert steps == [1, 2]
    (folder,) = settings.tensorboard.glob(f"killed/trial-0-{run.id[:8]}")
    read = EventAccumulator(str(folder)).Reload()
    assert [event.step for event in read.Scalars("training/loss")] == [1, 2]


def test_what_an_event_file_holds_beyond_the_last_known_epoch_is_read_once(
    settings: Settings, client: MlflowClient
) -> None:
    """Killed after the event file was written and before the metrics were."""
    run = MlflowRun.open(settings, "killed", "trial-2", job="abe")
    run.report(epoch_report(1, 0.5))
    report = epoch_report(2, 0.25)
    run._events.add(2, {"training/loss": 0.25}, report.pictures)
    with MlflowRun.open(settings, "killed", "trial-2", job="abe") as again:
        again.report(epoch_report(1, 0.5))
        again.report(report)
        again.finish(Path("bundle"))
    (folder,) = settings.tensorboard.glob(f"killed/trial-2-{run.id[:8]}")
    read = EventAccumulator(str(folder)).Reload()
    assert [event.step for event in read.Scalars("training/loss")] == [1, 2]


def test_runs_of_killed_processes_do_not_stay_running(settings: Settings, client: MlflowClient) -> None:
    dead, alive, abroad = (MlflowRun.open(settings, "left").id for _ in range(3))
    host = socket.gethostname()
    client.set_tag(dead, "process", f"{host} {os.getpid()} 1.00")
    client.set_tag(abroad, "process", f"another-{host} 1 1.00")
    with MlflowRun.open(settings, "left") as run:
        run.finish(Path("bundle"))
    status = [client.get_run(number).info.status for number in (dead, alive, abroad)]
    assert status == ["KILLED", "RUNNING", "RUNNING"]


def test_no_tensorflow_and_not_a_word(quiet: "subprocess.Popen[bytes]") -> None:
    said = quiet.communicate(timeout=100)
    assert (quiet.returncode, *said) == (0, b"", b"")


def test_two_processes_may_open_a_fresh_database(tmp_path: Path) -> None:
    program = (
        "from fmnist.wiring import open_run\n"
        "from fmnist.settings import from_environment\n"
        "from pathlib import Path\n"
        "with open_run(from_environment(), 'fresh') as run: run.finish(Path('bundle'))"
    )
    environment = {"FMNIST_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program], env=environment, cwd=PROJECT, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=200)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    runs = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").search_runs(["1"])
    assert [run.info.status for run in runs] == ["FINISHED"] * 2
