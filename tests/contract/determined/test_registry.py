"""What Determined's registry does beyond the port: versions by hand, lost races, the way to MLflow.

The port's own contract is in tests/contract/test_registry.py.
"""

import json
import uuid
from pathlib import Path

import pytest
from determined.common.api import bindings

from fmnist import settings
from fmnist import wiring as engines
from fmnist.core.bundle import open_bundle
from fmnist.errors import FmnistError, InputError, IntegrityError, UnavailableError
from fmnist.experiments.determined.checkpoint import checkpoint_metadata
from fmnist.gate.verdict import ANNOTATION, Outcome, attached_evidence, is_newer
from fmnist.registry.base import ModelRegistry, ModelVersion, find
from fmnist.registry.migration import Migration
from fmnist.settings import Settings
from tests.support.bundles import make_bundle
from tests.support.determined.records import Checkpoint, Model, Trial, Version
from tests.support.determined.server import Fault, Master
from tests.support.determined.trials import SINGLE, schedule
from tests.support.homes import make_home
from tests.support.results import make_result, make_rule

MODEL = "fashion-classifier"


@pytest.fixture
def own(master: Master, tmp_path: Path) -> Settings:
    make_home(tmp_path / "home")
    place = {"FMNIST_HOME": str(tmp_path / "home"), "FMNIST_CHECKPOINT_STORAGE": str(master.storage)}
    return settings.from_environment({**place, **master.environment()})


@pytest.fixture
def registry(own: Settings) -> ModelRegistry:
    return engines.model_registry(own)


def of_trial(master: Master, trial: Trial, folder: Path, seed: int = 0) -> Checkpoint:
    """A checkpoint that a trial left, with its bundle."""
    make_bundle(folder, seed=seed)
    # As a trial's bundle says: its run is the trial.
    text = (folder / "metadata.json").read_text().replace(f'"run-{seed}"', f'"{trial.id}"')
    (folder / "metadata.json").write_text(text)
    bundle = open_bundle(folder)
    place = master.storage / (name := str(uuid.uuid4())) / "bundle"
    place.mkdir(parents=True)
    for path in folder.iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    files = {f"bundle/{path.name}": str(path.stat().st_size) for path in folder.iterdir()}
    made = Checkpoint(
        name, trial, checkpoint_metadata(bundle, 10), files, bindings.checkpointv1State.COMPLETED
    )
    master.records.checkpoints[name] = made
    trial.metrics.append(("validation", 10, {"accuracy": 0.9, "epochs": 1}))
    return made


def by_hand(master: Master, checkpoint: Checkpoint) -> None:
    """``det model create`` and ``det model register-version``."""
    model = master.records.models.setdefault(MODEL, Model(1, MODEL))
    model.numbers += 1
    model.versions[model.numbers] = Version(model.numbers, checkpoint)


def test_a_trials_bundle_is_registered_as_its_own_checkpoint(
    master: Master, registry: ModelRegistry, tmp_path: Path
) -> None:
    checkpoint = of_trial(master, schedule(master, SINGLE), tmp_path / "a")
    version = registry.register(MODEL, open_bundle(tmp_path / "a"))
    kept = master.records.models[MODEL].versions[version.number]
    assert kept.checkpoint is checkpoint
    assert len(master.records.checkpoints) == 1
    assert kept.metadata["trial_id"] == 1
    assert kept.metadata["git_commit"] == "0123456789abcdef0123456789abcdef01234567"
    assert "accuracy 0.9000" in kept.notes
    assert checkpoint.metadata["steps_completed"] == 10


def test_a_version_registered_by_hand_is_read_and_left_as_it_is(
    master: Master, registry: ModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = of_trial(master, schedule(master, SINGLE), tmp_path / "a")
    by_hand(master, checkpoint)
    kept = master.records.models[MODEL].versions[1]
    kept.notes, kept.metadata = "Ada's notes", {"team": "vision", "run": "mine"}
    (version,) = registry.versions(MODEL)
    with monkeypatch.context() as patch:
        # What was read once is not downloaded again.
        patch.setattr("fmnist.registry.determined.registry.opened", None)
        assert registry.get(MODEL) == registry.get(MODEL, 1) == version
    assert registry.unusable(MODEL) == []
    assert version.bundle_sha256 == checkpoint.metadata["bundle_sha256"]
    assert registry.download(version, tmp_path / "out").sha256 == version.bundle_sha256
    assert (kept.notes, kept.metadata) == ("Ada's notes", {"team": "vision", "run": "mine"})
    assert registry.annotate(version, "fmnist.note", "1").annotations == {"fmnist.note": "1"}
    assert kept.notes == "Ada's notes"


@pytest.mark.parametrize("written", ["", "Ada's notes"])
def test_completing_a_version_keeps_what_people_wrote(
    master: Master, registry: ModelRegistry, tmp_path: Path, written: str
) -> None:
    checkpoint = of_trial(master, schedule(master, SINGLE), tmp_path / "a")
    by_hand(master, checkpoint)
    kept = master.records.models[MODEL].versions[1]
    kept.notes, kept.metadata = written, {"team": "vision", "run": "mine", "metadata": "half"}
    version = registry.complete(MODEL, 1)
    assert kept.metadata["bundle_sha256"] == version.bundle_sha256
    assert (kept.metadata["team"], kept.metadata["run"]) == ("vision", "mine")
    assert kept.notes == written if written else "| Bundle |" in kept.notes
    assert registry.complete(MODEL, 1) == version == registry.get(MODEL, 1)


def test_a_checkpoint_registered_twice_is_the_version_that_was_tested(
    master: Master, registry: ModelRegistry, tmp_path: Path
) -> None:
    checkpoint = of_trial(master, schedule(master, SINGLE), tmp_path / "a")
    for _ in range(3):
        by_hand(master, checkpoint)
    bundle = open_bundle(tmp_path / "a")
    assert registry.register(MODEL, bundle).number == find(registry, MODEL, bundle.sha256).number == 1
    registry.annotate(registry.get(MODEL, 2), "fmnist.gate", "{}")
    assert registry.register(MODEL, bundle).number == find(registry, MODEL, bundle.sha256).number == 2


def test_the_same_checkpoint_registered_by_hand_and_by_us_is_one_version(
    master: Master, registry: ModelRegistry, tmp_path: Path
) -> None:
    by_hand(master, of_trial(master, schedule(master, SINGLE), tmp_path / "a"))
    assert registry.register(MODEL, open_bundle(tmp_path / "a")).number == 1
    assert len(master.records.models[MODEL].versions) == 1


def test_a_foreign_checkpoint_is_named_and_hides_no_other(
    master: Master, registry: ModelRegistry, tmp_path: Path
) -> None:
    trial = schedule(master, SINGLE)
    foreign = of_trial(master, trial, tmp_path / "a")
    foreign.resources = {"weights.pt": "10"}
    by_hand(master, foreign)
    registered = registry.register(MODEL, make_bundle(tmp_path / "b", seed=1))
    assert [version.number for version in registry.versions(MODEL)] == [registered.number] == [2]
    (unusable,) = registry.unusable(MODEL)
    assert (unusable.number, "holds no bundle/metadata.json" in unusable.reason) == (1, True)
    for refused in (registry.get, registry.complete):
        with pytest.raises(InputError, match=r"holds no bundle/metadata\.json"):
            refused(MODEL, 1)


def test_a_writer_that_was_overwritten_says_so(
    master: Master, registry: ModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = registry.register(MODEL, make_bundle(tmp_path / "a"))
    kept = master.records.models[MODEL].versions[1]
    before = dict(kept.metadata)
    patch = bindings.patch_PatchModelVersion

    def overwritten(*args: object, **named: object) -> object:
        answer = patch(*args, **named)  # type: ignore[arg-type]
        kept.metadata = before
        return answer

    monkeypatch.setattr(bindings, "patch_PatchModelVersion", overwritten)
    with pytest.raises(UnavailableError, match="someone else wrote its metadata"):
        registry.annotate(version, "fmnist.gate", "{}")


def test_a_champion_that_was_overwritten_is_answered(
    master: Master, registry: ModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(2):
        registry.register(MODEL, make_bundle(tmp_path / str(seed), seed=seed))
    master.records.models[MODEL].metadata = {"team": "vision"}
    assert registry.set_champion(MODEL, 1) == 1
    assert master.records.models[MODEL].metadata["team"] == "vision"
    patch = bindings.patch_PatchModel

    def overwritten(*args: object, **named: object) -> object:
        answer = patch(*args, **named)  # type: ignore[arg-type]
        master.records.models[MODEL].metadata["champion"] = 1
        return answer

    monkeypatch.setattr(bindings, "patch_PatchModel", overwritten)
    assert registry.set_champion(MODEL, 2) == 1


def test_metadata_that_was_edited_is_not_believed(
    master: Master, registry: ModelRegistry, tmp_path: Path
) -> None:
    registry.register(MODEL, make_bundle(tmp_path / "a"))
    kept = master.records.models[MODEL].versions[1].metadata
    kept["metadata"] = kept["metadata"].replace("0.9", "0.99")
    for number in (None, 1):
        with pytest.raises(IntegrityError, match=r"is not the metadata\.json that was registered"):
            registry.get(MODEL, number)
    registry.complete(MODEL, 1)
    assert registry.get(MODEL).metadata.metrics == {"accuracy": 0.9}


@pytest.mark.parametrize(
    "changes",
    [
        {"bundle_sha256": "0" * 64},
        {"bundle_sha256": "0" * 64, "metadata": None},
        {"metadata": "half a metadata"},
        {"metadata": ["a", "list"]},
    ],
)
def test_half_edited_metadata_hide_no_other_version(
    master: Master, registry: ModelRegistry, tmp_path: Path, changes: dict[str, object]
) -> None:
    for seed in range(2):
        registry.register(MODEL, make_bundle(tmp_path / str(seed), seed=seed))
    kept = master.records.models[MODEL].versions[2]
    kept.metadata = {**kept.metadata, **changes, "attachments": "none"}
    assert registry.get(MODEL).number == 1
    assert [version.number for version in registry.versions(MODEL)] == [1]
    (unusable,) = registry.unusable(MODEL)
    assert unusable.number == 2
    assert unusable.reason.startswith(f"version 2 of {MODEL}: ")
    registry.set_champion(MODEL, 1)
    assert registry.champions(MODEL).current == registry.get(MODEL, 1).bundle_sha256
    assert registry.register(MODEL, make_bundle(tmp_path / "3", seed=3)).number == 3


def test_an_upload_that_was_broken_off_is_done_again(
    master: Master, registry: ModelRegistry, tmp_path: Path
) -> None:
    bundle = make_bundle(tmp_path / "a")
    master.faults.append(Fault("POST .*/checkpoints$", status=500, message="no space left"))
    with pytest.raises(UnavailableError, match="no space left"):
        registry.register(MODEL, bundle)
    assert registry.versions(MODEL) == []
    assert registry.register(MODEL, bundle).number == 1
    assert len(master.records.experiments) == 1


def test_a_storage_that_cannot_be_written_is_told(own: Settings, master: Master, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    place = {"FMNIST_HOME": str(own.home), "FMNIST_CHECKPOINT_STORAGE": str(tmp_path / "file")}
    registry = engines.model_registry(settings.from_environment({**place, **master.environment()}))
    with pytest.raises(FmnistError, match="file: cannot be written"):
        registry.register(MODEL, make_bundle(tmp_path / "a"))


def test_all_versions_move_to_mlflow_with_their_verdicts(
    own: Settings, registry: ModelRegistry, tmp_path: Path
) -> None:
    said: list[str] = []
    for seed in range(2):
        registry.register(MODEL, make_bundle(tmp_path / str(seed), seed=seed))
    first = registry.get(MODEL, 1)
    evidence = registry.attach(first, b"the evidence")
    registry.annotate(first, "fmnist.gate", json.dumps({"passed": True}))

    def attached(version: ModelVersion) -> list[str]:
        return [evidence] if version.number == 1 else []

    target = engines.model_registry(own.model_copy(update={"registry": "mlflow"}))
    done = Migration(registry, target, attached, is_newer, said.append).run(MODEL)
    assert [(one.number, one.becomes, one.annotations) for one in done] == [
        (1, 1, ("fmnist.gate",)),
        (2, 2, ()),
    ]
    assert Migration(registry, target, attached, is_newer, said.append).run(MODEL) == done
    assert said == []
    for number in (1, 2):
        old, new = registry.get(MODEL, number), target.get(MODEL, number)
        assert (new.bundle_sha256, new.metadata, new.annotations) == (
            old.bundle_sha256,
            old.metadata,
            old.annotations,
        )
    assert target.attachment(target.get(MODEL, 1), evidence) == b"the evidence"


def test_a_version_that_gets_another_number_leaves_its_verdict_behind(
    own: Settings, registry: ModelRegistry, tmp_path: Path
) -> None:
    said: list[str] = []
    target = engines.model_registry(own.model_copy(update={"registry": "mlflow"}))
    target.register(MODEL, make_bundle(tmp_path / "other", seed=9))
    version = registry.register(MODEL, make_bundle(tmp_path / "a"))
    registry.annotate(version, "fmnist.gate", "{}")
    (done,) = Migration(registry, target, lambda _: [], is_newer, said.append).run(MODEL)
    assert (done.number, done.becomes, done.annotations) == (1, 2, ())
    assert said == [f"{MODEL} 1 becomes 2: its verdict is not copied; test it"]
    assert target.get(MODEL, 2).annotations == {}


def test_a_newer_verdict_in_the_target_is_not_replaced_by_an_older_one(
    own: Settings, registry: ModelRegistry, tmp_path: Path
) -> None:
    said: list[str] = []
    target = engines.model_registry(own.model_copy(update={"registry": "mlflow"}))
    version = registry.register(MODEL, make_bundle(tmp_path / "a"))

    def judged(registry: ModelRegistry, outcome: Outcome, sequence: int) -> str:
        result = make_result(version, make_rule("size", outcome=outcome), sequence=sequence)
        text = json.dumps(result.document())
        registry.annotate(registry.get(MODEL, 1), ANNOTATION, text)
        return text

    def copied() -> tuple[str, ...]:
        (done,) = Migration(registry, target, lambda _: [], is_newer, said.append).run(MODEL)
        return done.annotations

    judged(registry, Outcome.PASS, 1)
    assert copied() == (ANNOTATION,)
    refusal = judged(target, Outcome.FAIL, 2)
    assert copied() == ()
    assert target.get(MODEL, 1).annotations[ANNOTATION] == refusal
    assert said == [f"{MODEL} 1: {ANNOTATION} stays as the target has it, which is newer"]
    newest = judged(registry, Outcome.PASS, 3)
    assert copied() == (ANNOTATION,)
    assert target.get(MODEL, 1).annotations[ANNOTATION] == newest


def test_what_is_broken_in_the_source_is_told_and_the_rest_is_copied(
    master: Master, own: Settings, registry: ModelRegistry, tmp_path: Path
) -> None:
    said: list[str] = []
    target = engines.model_registry(own.model_copy(update={"registry": "mlflow"}))
    for seed in range(3):
        registry.register(MODEL, make_bundle(tmp_path / str(seed), seed=seed))
    registry.annotate(registry.get(MODEL, 1), ANNOTATION, "half a verdict")
    result = make_result(registry.get(MODEL, 2), sequence=1)
    registry.annotate(registry.get(MODEL, 2), ANNOTATION, json.dumps(result.document()))
    master.records.models[MODEL].versions[3].metadata["metadata"] = "half edited"
    done = Migration(registry, target, attached_evidence, is_newer, said.append).run(MODEL)
    assert [(one.number, one.annotations) for one in done] == [(1, (ANNOTATION,)), (2, (ANNOTATION,))]
    assert [said[0].startswith(f"not copied: version 3 of {MODEL}"), "nothing attached" in said[1]] == [
        True
    ] * 2
    assert [version.number for version in target.versions(MODEL)] == [2, 1]
