import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from fmnist import wiring as engines
from fmnist.catalogue.promotions import History
from fmnist.cli.main import fmnist
from fmnist.core.fashion_mnist import MODEL_NAME
from fmnist.core.provenance import DataReference
from fmnist.data.base import Commit, DataStore
from fmnist.errors import NotFoundError
from fmnist.gate.evidence import SampleError, to_bytes
from fmnist.gate.verdict import ANNOTATION
from fmnist.registry.base import ModelRegistry, ModelVersion
from fmnist.report.gather import gather
from fmnist.report.write import write
from fmnist.settings import Settings
from tests.support.blocks import block_images, put_test_data
from tests.support.bundles import make_bundle
from tests.support.homes import make_home
from tests.support.reports import make_evidence
from tests.support.results import make_result, make_rule

NOW = datetime(2026, 1, 5, tzinfo=UTC)
NOBODY = History()


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    return make_home(tmp_path / "home")


@pytest.fixture
def registry(own: Settings) -> ModelRegistry:
    return engines.model_registry(own)


@pytest.fixture
def store(own: Settings) -> DataStore:
    return engines.data_store(own)


@pytest.fixture
def commit(store: DataStore, tmp_path: Path) -> Commit:
    return put_test_data(store, block_images(per_class=2), tmp_path / "files")


def register(registry: ModelRegistry, folder: Path, seed: int) -> ModelVersion:
    return registry.register(MODEL_NAME, make_bundle(folder / str(seed), seed=seed))


def keep(registry: ModelRegistry, version: ModelVersion, commit: Commit, **changes: object) -> ModelVersion:
    """Write a result with evidence to the version, as the gate does."""
    evidence = registry.attach(version, to_bytes(make_evidence(make_rule("accuracy"))))
    data = DataReference(commit.repo, commit.id, commit.origin, {})
    result = make_result(version, **{"test_data": data, "evidence_sha256": evidence, **changes})
    return registry.annotate(version, ANNOTATION, json.dumps(result.document()))


def test_every_version_comes_with_what_is_known(
    registry: ModelRegistry, store: DataStore, commit: Commit, tmp_path: Path
) -> None:
    tested = keep(registry, register(registry, tmp_path, 1), commit)
    register(registry, tmp_path, 2)
    report = gather(registry, store, NOBODY, MODEL_NAME, NOW, subject=tested.number)
    assert [entry.status for entry in report.entries] == ["not tested", "passed"]
    (picture,) = report.entry.pictures
    assert picture.pixels is not None
    assert len(picture.pixels) == 784
    assert report.entry.troubles == ()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"evidence_sha256": "0" * 64}, "evidence cannot be read"),
        ({"test_data": DataReference("fmnist-test-raw", "0" * 40, "official", {})}, "cannot be shown"),
    ],
)
def test_what_is_missing_is_told(
    registry: ModelRegistry,
    store: DataStore,
    commit: Commit,
    tmp_path: Path,
    changes: Mapping[str, object],
    says: str,
) -> None:
    keep(registry, register(registry, tmp_path, 1), commit, **changes)
    entry = gather(registry, store, NOBODY, MODEL_NAME, NOW).entry
    assert entry.status == "passed"
    assert says in entry.troubles[0]


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"schema_version": 1}', b"\xff"])
def test_evidence_that_is_none_is_told(
    registry: ModelRegistry, store: DataStore, commit: Commit, tmp_path: Path, content: bytes
) -> None:
    version = register(registry, tmp_path, 1)
    keep(registry, version, commit, evidence_sha256=registry.attach(version, content))
    entry = gather(registry, store, NOBODY, MODEL_NAME, NOW).entry
    assert entry.evidence is None
    assert "evidence cannot be read" in entry.troubles[0]


def test_a_sample_outside_the_test_data_is_told(
    registry: ModelRegistry, store: DataStore, commit: Commit, tmp_path: Path
) -> None:
    version = register(registry, tmp_path, 1)
    evidence = replace(make_evidence(), errors=(SampleError(20, 0, 1, 0.9, 0.1),))
    keep(registry, version, commit, evidence_sha256=registry.attach(version, to_bytes(evidence)))
    entry = gather(registry, store, NOBODY, MODEL_NAME, NOW).entry
    assert "has no images [20]" in entry.troubles[0]
    assert entry.pictures[0].pixels is None


def test_a_broken_verdict_is_told_and_hides_no_other(
    registry: ModelRegistry, store: DataStore, commit: Commit, tmp_path: Path
) -> None:
    keep(registry, register(registry, tmp_path, 1), commit)
    registry.annotate(register(registry, tmp_path, 2), ANNOTATION, "{")
    report = gather(registry, store, NOBODY, MODEL_NAME, NOW)
    assert [entry.status for entry in report.entries] == ["unreadable", "passed"]
    write(report, tmp_path / "out")
    assert "not a GateResult" in (tmp_path / "out" / "note.md").read_text()


def test_a_model_without_versions_is_not_found(registry: ModelRegistry, store: DataStore) -> None:
    with pytest.raises(NotFoundError):
        gather(registry, store, NOBODY, "nobody", NOW)


def test_the_verb_writes_five_files(
    own: Settings, registry: ModelRegistry, commit: Commit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(registry, register(registry, tmp_path, 1), commit)
    monkeypatch.setenv("FMNIST_HOME", str(own.home))
    answer = CliRunner().invoke(fmnist, ["report", "--out", str(tmp_path / "out"), "--json"])
    assert answer.exit_code == 0, answer.output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "model-versions.html",
        "model-versions.md",
        "model-versions.json",
        "note.md",
        "metrics.txt",
    }
    assert (
        json.loads((tmp_path / "out" / "model-versions.json").read_text())["versions"][0]["status"]
        == "passed"
    )
