"""Trainings of seconds on drawn garments. TensorFlow is loaded twice: here and in one child."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from fmnist.core.bundle import Bundle, open_bundle
from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import GROUPS, TRAIN
from fmnist.core.provenance import DataReference
from fmnist.data.formats.idx import write_idx
from fmnist.data.synthetic import draw
from fmnist.errors import ConfigError, Diverged, InputError, IntegrityError, NotFoundError
from fmnist.experiments.hyperparameters import Hyperparameters
from fmnist.jobs.train import TrainOptions, train_file
from fmnist.settings import PROJECT, from_environment
from fmnist.tracking.base import Decision, EpochReport
from fmnist.training.job import TrainingJob
from fmnist.training.loop import train
from fmnist.wiring import data_store
from tests.support.networks import SMALL
from tests.support.processes import background
from tests.support.runs import RecordingRun

RATE = 0.004
SEED = 7
THREADS = 2
KILLED_ONCE = """
import subprocess, sys, time
from pathlib import Path
states, *command = sys.argv[1:]
first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
while first.poll() is None and not list(Path(states).glob("*/*/epoch-*.state")):
    time.sleep(0.01)
first.kill()
if first.wait() != -9:
    sys.exit("ended before it was killed")
sys.exit(subprocess.run(command).returncode)
"""


@pytest.fixture(scope="module")
def garments() -> Dataset:
    return draw(400, seed=1)


@pytest.fixture
def job(tmp_path: Path) -> TrainingJob:
    return job_in(tmp_path)


def job_in(folder: Path) -> TrainingJob:
    return TrainingJob(
        experiment="test",
        hyperparameters=Hyperparameters.read(SMALL),
        train_data=DataReference(TRAIN.repo, "c0ffee", "synthetic", {}),
        folder=folder / "checkpoint",
        seed=SEED,
        threads=THREADS,
        git_commit="beef",
    )


def changed(job: TrainingJob, **values: object) -> TrainingJob:
    return replace(job, hyperparameters=Hyperparameters.read({**SMALL, **values}))


def _foreign_keras(folder: Path) -> dict[str, str]:
    """Settings of other programs: trainings are the same all the same."""
    (folder / "user/.keras").mkdir(parents=True)
    (folder / "user/.keras/keras.json").write_text('{"floatx": "float16", "max_epochs": 1}')
    return {"HOME": str(folder / "user"), "KERAS_MAX_EPOCHS": "1", "KERAS_BACKEND": "jax"}


@pytest.fixture(scope="module")
def from_the_command_line(
    garments: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["subprocess.Popen[str]"]:
    """``fmnist train`` on the same garments, killed after its first epoch and started again.

    Started early: it takes the other core.
    """
    folder = tmp_path_factory.mktemp("command")
    (folder / TRAIN.images.name).write_bytes(write_idx(garments.images))
    (folder / TRAIN.labels.name).write_bytes(write_idx(garments.labels))
    home = {"FMNIST_HOME": str(folder / "home")}
    files = {file.name: folder / file.name for file in TRAIN.files}
    data_store(from_environment(home)).put(TRAIN.repo, files, "garments")
    values = [f"--config=hyperparameters.{name}={value}" for name, value in SMALL.items()]
    command = [
        sys.executable,
        "-c",
        KILLED_ONCE,
        str(folder / "home" / "states"),
        sys.executable,
        "-m",
        "fmnist.cli.main",
        "train",
        str(PROJECT / "const.yaml"),
        f"--threads={THREADS}",
        *values,
    ]
    command += [f"--config=reproducibility.experiment_seed={SEED}"]
    with background(command, {**os.environ, **home, **_foreign_keras(folder)}) as process:
        yield process


Trained = tuple[RecordingRun, Bundle]


@pytest.fixture(scope="module")
def trained(
    garments: Dataset, from_the_command_line: object, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    run = RecordingRun()
    return run, train(job_in(tmp_path_factory.mktemp("trained")), garments, run)


def test_a_training_leaves_a_whole_bundle(garments: Dataset, trained: Trained) -> None:
    run, bundle = trained
    metadata = bundle.metadata
    assert run.bundle == bundle.folder
    files = ["metadata.json", "model.keras", "model.onnx"]
    assert sorted(path.name for path in bundle.folder.iterdir()) == files
    assert [path.name for path in bundle.folder.parent.iterdir()] == ["checkpoint"]
    assert (metadata.epochs, metadata.provenance.run, metadata.provenance.threads) == (
        2,
        "recording",
        THREADS,
    )
    assert Hyperparameters.read(metadata.hyperparameters) == Hyperparameters.read(SMALL)
    assert {"tensorflow", "tensorflow-cpu"} & set(metadata.versions)
    assert metadata.reference.images == pytest.approx(0.8 * len(garments), abs=40)
    assert run.parameters["train_data_commit"] == "c0ffee"
    fields = bundle.metadata.provenance.fields()
    assert {name: run.parameters[name] for name in fields} == fields
    assert run.parameters["augmentation.flip"] == 0.5

    session = onnxruntime.InferenceSession(str(bundle.onnx))
    image = np.frombuffer(metadata.known_answer.pixels(), np.uint8).reshape(1, 28, 28)
    (answer,) = session.run(["probabilities"], {"image": image})[0]
    assert answer == pytest.approx(metadata.known_answer.probabilities, abs=1e-5)
    assert session.run(None, {"image": garments.images[:7]})[0].shape == (7, 10)


def test_each_epoch_is_reported(trained: Trained) -> None:
    run, bundle = trained
    first, last = run.reports
    assert (first.epoch, last.epoch, first.epochs) == (1, 2, 2)
    assert last.steps == 2 * first.steps > 0
    assert set(last.training) == {"loss", "accuracy", "learning_rate", "images_per_second"}
    groups = {
        "groups_accuracy",
        "groups_macro_f1",
        *(f"accuracy_{name.replace(' ', '_')}" for name in GROUPS),
    }
    assert (
        set(last.validation) == {"loss", "accuracy", "macro_precision", "macro_recall", "macro_f1"} | groups
    )
    assert last.validation == bundle.metadata.metrics
    assert set(first.pictures) == {"augmented_samples", "confusion_matrix", "worst_errors"}
    assert set(last.pictures) == {"confusion_matrix", "worst_errors"}
    assert all(png.startswith(b"\x89PNG") for png in first.pictures.values())
    assert last.training["learning_rate"] < 0.1 * RATE
    assert last.training["loss"] < first.training["loss"]


@pytest.fixture(scope="module")
def final(garments: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The baseline on all images, told to stop after the first of two epochs."""
    run = RecordingRun(stop_after=1)
    job = changed(
        job_in(tmp_path_factory.mktemp("final")),
        network="baseline",
        val_size=0,
        class_weights="balanced",
        schedule={"name": "cosine"},
    )
    return run, train(job, garments, run)


def test_stop_ends_after_that_epoch_and_the_baseline_exports_too(final: Trained) -> None:
    run, bundle = final
    assert (bundle.metadata.epochs, bundle.metadata.network) == (1, "baseline")
    assert len(run.reports) == 1


def test_going_on_from_a_checkpoint(garments: Dataset, job: TrainingJob, trained: Trained) -> None:
    first_run, first = trained
    run = RecordingRun()
    second = train(replace(changed(job, epochs=3), parent=first.folder), garments, run)
    assert [report.epoch for report in run.reports] == [3]
    assert second.metadata.epochs == 3
    assert second.metadata.provenance.parent_run == first.metadata.provenance.run
    assert run.reports[0].training["loss"] < first_run.reports[0].training["loss"]


def test_a_checkpoint_that_cannot_be_gone_on_from(
    garments: Dataset, job: TrainingJob, trained: Trained, tmp_path: Path
) -> None:
    folder = tmp_path / "parent"
    shutil.copytree(trained[1].folder, folder)
    job = replace(job, parent=folder)
    with pytest.raises(ConfigError, match=r"hyperparameters\.epochs is 2, but .* has seen 2 already"):
        train(job, garments, RecordingRun())
    with pytest.raises(ConfigError, match="holds another network than modern with width 12"):
        train(changed(job, epochs=3, width=12), garments, RecordingRun())
    (folder / "model.keras").write_bytes(b"damaged")
    with pytest.raises(IntegrityError, match=r"model\.keras: SHA-256"):
        train(changed(job, epochs=3), garments, RecordingRun())


def test_a_loss_without_bounds_ends_the_training_and_leaves_nothing(
    garments: Dataset, job: TrainingJob
) -> None:
    run = RecordingRun()
    with pytest.raises(Diverged, match=r"epoch 1, step \d+: loss is nan; lower .*learning_rate"):
        train(changed(job, optimizer={"name": "adamw", "learning_rate": 1e30}), garments, run)
    assert run.reports == []
    assert run.bundle is None
    assert list(job.folder.parent.iterdir()) == []


def test_a_final_model_learns_all_images(garments: Dataset, final: Trained) -> None:
    run, bundle = final
    (report,) = run.reports
    assert (report.validation, set(report.pictures)) == ({}, {"augmented_samples"})
    assert report.steps == len(garments) // 32
    assert bundle.metadata.metrics == {}
    assert bundle.metadata.reference.images == len(garments)
    assert bundle.metadata.known_answer.pixels() == garments.images[0].tobytes()


def test_another_thread_count_needs_a_fresh_process(garments: Dataset, job: TrainingJob) -> None:
    with pytest.raises(ConfigError, match="threads: 1 asked for"):
        train(replace(job, threads=1), garments, RecordingRun())


class Dies(RecordingRun):
    def __init__(self, epoch: int) -> None:
        super().__init__()
        self._epoch = epoch

    def report(self, report: EpochReport) -> Decision:
        if report.epoch == self._epoch:
            raise KeyboardInterrupt
        return super().report(report)


def test_a_training_that_goes_on_gives_the_same_bits(
    garments: Dataset, trained: Trained, tmp_path: Path
) -> None:
    """Ended as it tells of its first epoch, gone on with, and ended as it tells of its last."""
    kept = replace(job_in(tmp_path), state=tmp_path / "state")
    for epoch in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            train(kept, garments, Dies(epoch))
        assert not kept.folder.exists()
    run = RecordingRun()
    bundle = train(kept, garments, run)
    whole_run, whole = trained
    assert weights(bundle) == weights(whole)
    assert bundle.onnx.read_bytes() == whole.onnx.read_bytes()
    assert [report.validation for report in run.reports] == [
        report.validation for report in whole_run.reports
    ]
    assert bundle.metadata.metrics == whole.metadata.metrics


def weights(bundle: Bundle) -> list[bytes]:
    from fmnist.training.backend import keras

    return [value.tobytes() for value in keras.models.load_model(bundle.keras, compile=False).get_weights()]


def test_a_killed_training_gives_the_same_bits_in_another_process(
    trained: Trained, from_the_command_line: "subprocess.Popen[str]"
) -> None:
    _, here = trained
    output, progress = from_the_command_line.communicate(timeout=200)
    assert from_the_command_line.returncode == 0, progress
    there = open_bundle(Path(output.strip()))
    assert weights(here) == weights(there)
    assert here.onnx.read_bytes() == there.onnx.read_bytes()
    assert there.metadata.metrics == here.metadata.metrics

    lines = progress.splitlines()
    assert lines[0] == "starting TensorFlow"
    assert lines[1] == f"training on {TRAIN.repo}@{there.metadata.provenance.train_data.commit}"
    assert re.fullmatch("resuming after epoch [12] of 2, where an earlier process ended", lines[2])
    assert [line.split(":")[0] for line in lines[3:]] == ["epoch 1/2", "epoch 2/2"]


def test_the_command_checks_before_it_starts(tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings = from_environment({"FMNIST_HOME": str(home)})
    with pytest.raises(ConfigError, match="are ranges; use `fmnist search`"):
        train_file(settings, PROJECT / "adaptive.yaml")
    with pytest.raises(ConfigError, match=r"hyperparameters\.colour: there is no such key"):
        train_file(settings, overrides=["hyperparameters.colour=red"])
    with pytest.raises(InputError, match="already exists"):
        train_file(settings, options=TrainOptions(out=tmp_path))
    with pytest.raises(NotFoundError, match="fmnist data fetch"):
        train_file(settings)
    assert not home.exists()
