"""What goes wrong between two systems, and the end it comes to."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fmnist import wiring as engines
from fmnist.core.bundle import Bundle
from fmnist.core.dataset import Dataset
from fmnist.data.base import Commit
from fmnist.errors import IntegrityError, NotFoundError, UnavailableError
from fmnist.gate.comparison import EarlierVersions, classified_correctly
from fmnist.gate.evidence import read_evidence
from fmnist.gate.gate import GateRequest, run_gate, save
from fmnist.gate.policy import Policy
from fmnist.gate.signing import Key, Keys, sign, verify
from fmnist.gate.test_data import read_test_data
from fmnist.gate.verdict import ANNOTATION, GateResult, Outcome, gate_result
from fmnist.registry.base import Champions, ModelRegistry, ModelVersion
from fmnist.settings import Settings
from tests.support.blocks import block_weights, trained_on
from tests.support.bundles import make_bundle
from tests.support.results import make_rule, with_verdict

NOBODY = Champions()
_NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

Gate = Callable[..., GateResult]


@pytest.fixture
def gate(home: Settings, registry: ModelRegistry, test_data: Commit, policy: Policy) -> Gate:
    def run(
        version: ModelVersion,
        champions: Champions = NOBODY,
        registry: ModelRegistry = registry,
        **changes: Any,
    ) -> GateResult:
        key = Keys.at(home.home, {}).signing()
        request = GateRequest(version, test_data, policy, champions, key, _NOW)
        tested = run_gate(registry, engines.data_store(home), replace(request, **changes))
        return save(registry, engines.verdict_log(home, version.model), tested, key).result

    return run


@pytest.fixture
def register(registry: ModelRegistry, train: Commit, tmp_path: Path) -> Callable[..., ModelVersion]:
    """A version that names all classes right but those that are ``blind``."""

    def make(model: str, *blind: int) -> ModelVersion:
        weights = block_weights()
        weights[:, list(blind)] = 0
        folder = tmp_path / f"{model}-{'-'.join(map(str, blind))}"
        return registry.register(model, trained_on(make_bundle(folder, weights=weights), train))

    return make


def test_run_again_nothing_but_times_changes(
    gate: Gate, register: Callable[..., ModelVersion], registry: ModelRegistry
) -> None:
    version = register("again", 4)
    documents, artifacts = [], []
    for time in (_NOW, _NOW.replace(year=2027)):
        documents.append(gate(version, time=time).document())
        artifacts.append(json.loads(registry.attachment(version, documents[-1].pop("evidence_sha256"))))
    assert documents[0].pop("time") != documents[1].pop("time")
    assert [document.pop("sequence") for document in documents] == [1, 2]
    for document in (*documents, *artifacts):
        document["rules"] = [rule for rule in document["rules"] if rule["name"] != "latency"]
    assert documents[0] == documents[1]
    assert artifacts[0] == artifacts[1]


def test_the_evidence_is_found_by_the_verdict_and_read_back(
    gate: Gate, register: Callable[..., ModelVersion], registry: ModelRegistry
) -> None:
    version = register("evidence", 4)
    result = gate(version)
    evidence = read_evidence(registry, version, result.evidence_sha256)
    assert evidence.confusion[4][4] < 100
    assert all(evidence.confusion[truth][truth] == 100 for truth in range(10) if truth != 4)
    assert evidence.policy["accuracy"] == 0.9
    assert evidence.rules == result.verdict.rules


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"schema_version": 0}'])
def test_an_attachment_that_is_no_evidence_is_told(
    register: Callable[..., ModelVersion], registry: ModelRegistry, content: bytes
) -> None:
    version = register("no-evidence", 4)
    with pytest.raises(IntegrityError, match="version 1 of no-evidence"):
        read_evidence(registry, version, registry.attach(version, content))


def test_the_champion_and_the_best_ever_promoted_are_compared_with(
    gate: Gate, register: Callable[..., ModelVersion]
) -> None:
    best, champion, candidate = register("series"), register("series", 1), register("series", 1, 2)
    for version in (best, champion):
        gate(version)
    champions = Champions(champion.bundle_sha256, _bundles(best, champion))
    result = gate(candidate, champions)
    assert (result.champion, result.best) == (champion.number, best.number)
    for name, lost in (("champion", 100), ("best version", 200)):
        rule = result.verdict.rule(name)
        assert rule.broken
        assert f"{lost} only in version" in rule.explanation
    back = gate(best, champions)
    assert back.verdict.rule("champion").outcome is Outcome.PASS
    assert back.verdict.rule("best version").outcome is Outcome.PASS


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The bundles of earlier versions that the gate put the images to."""
    sums: list[str] = []

    def counted(bundle: Bundle, data: Dataset) -> NDArray[np.bool_]:
        sums.append(bundle.sha256)
        return classified_correctly(bundle, data)

    monkeypatch.setattr("fmnist.gate.comparison.classified_correctly", counted)
    return sums


def test_a_champion_that_was_tested_on_the_same_images_is_not_asked_again(
    gate: Gate, register: Callable[..., ModelVersion], asked: list[str]
) -> None:
    champion, candidate = register("known"), register("known", 1)
    champions = Champions(champion.bundle_sha256, _bundles(champion))
    unknown = gate(candidate, champions)
    assert asked == [champion.bundle_sha256]
    gate(champion)
    known = gate(candidate, champions)
    assert asked == [champion.bundle_sha256]
    for name in ("champion", "best version"):
        assert known.verdict.rule(name) == unknown.verdict.rule(name)


def _bundles(*versions: ModelVersion) -> frozenset[str]:
    return frozenset(version.bundle_sha256 for version in versions)


Earlier = Callable[..., EarlierVersions]


@pytest.fixture
def earlier(registry: ModelRegistry, home: Settings, test_data: Commit) -> Earlier:
    """Earlier versions of a model, none of whose bundles can be had."""

    def nobodys(version: ModelVersion) -> Bundle:
        raise IntegrityError(f"version {version.number} was to predict")

    def make(model: str, champions: Champions = NOBODY, **changes: Any) -> EarlierVersions:
        dataset = read_test_data(engines.data_store(home), test_data)
        key = Keys.at(home.home, {}).signing()
        data = GateRequest(registry.get(model), test_data, None, champions, key, _NOW).data_reference  # type: ignore[arg-type]
        made = EarlierVersions(registry, model, champions, data, dataset, key, nobodys)
        return replace(made, **changes)

    return make


def _of_another_gate(document: dict[str, Any]) -> None:
    del document["named_right"]


def _cut(document: dict[str, Any]) -> None:
    document["named_right"] = document["named_right"][:40]


@pytest.mark.parametrize("change", [_of_another_gate, _cut])
def test_evidence_that_does_not_tell_is_passed_over(
    register: Callable[..., ModelVersion],
    gate: Gate,
    registry: ModelRegistry,
    home: Settings,
    earlier: Earlier,
    change: Callable[[dict[str, Any]], None],
) -> None:
    version = register(f"evidence{change.__name__}", 2)
    result = gate(version)
    right = earlier(version.model).correct(registry.get(version.model))
    assert right.mean() == result.accuracy
    document = json.loads(registry.attachment(version, result.evidence_sha256))
    change(document)
    other = replace(result, evidence_sha256=registry.attach(version, json.dumps(document).encode()))
    registry.annotate(version, ANNOTATION, sign(other, Keys.at(home.home, {}).signing()))
    with pytest.raises(IntegrityError, match="was to predict"):
        earlier(version.model).correct(registry.get(version.model))


def test_only_a_verdict_signed_by_the_same_key_on_the_same_data_is_believed(
    register: Callable[..., ModelVersion], gate: Gate, registry: ModelRegistry, earlier: Earlier
) -> None:
    version = register("signed", 2)
    data = gate(version).test_data
    tested = registry.get("signed")
    assert earlier("signed").correct(tested).mean() == 0.9
    altered = tested.annotations[ANNOTATION].replace('"measured": 0.9', '"measured": 0.8', 1)
    assert altered != tested.annotations[ANNOTATION]
    key = earlier("signed").key
    assert key
    for believed in (
        earlier("signed", key=Key("local", b"another key of 32 characters....")),
        earlier("signed", key=Key("ci", key.secret)),
        earlier("signed", key=None),
        earlier("signed", data=replace(data, commit="0" * 40)),
    ):
        with pytest.raises(IntegrityError, match="was to predict"):
            believed.correct(tested)
    for unsigned in ({}, {ANNOTATION: altered}, {ANNOTATION: "{}"}):
        with pytest.raises(IntegrityError, match="was to predict"):
            earlier("signed").correct(replace(tested, annotations=unsigned))


def test_the_best_is_of_those_promoted_that_still_exist(
    register: Callable[..., ModelVersion], registry: ModelRegistry, home: Settings, earlier: Earlier
) -> None:
    key = Keys.at(home.home, {}).signing()
    accuracies = [0.91, 0.94, 0.97, 0.94]
    versions = [register("best", number) for number in range(1, 5)]
    for version, accuracy in zip(versions, accuracies, strict=True):
        signed = with_verdict(version, key, make_rule("accuracy", measured=accuracy))
        registry.annotate(version, ANNOTATION, signed.annotations[ANNOTATION])

    def best(*promoted: int) -> int | None:
        bundles = _bundles(*(versions[number - 1] for number in promoted)) | {"0" * 64}
        found = earlier("best", Champions(None, bundles)).best()
        return found.number if found else None

    assert best() is None
    assert best(1, 2, 4) == 2
    assert best(1, 3) == 3
    # An accuracy that nobody signed counts for nothing: neither more nor less than is measured.
    forged = registry.get("best", 1).annotations[ANNOTATION].replace('"measured": 0.91', '"measured": 0.99')
    registry.annotate(versions[0], ANNOTATION, forged)
    assert best(1, 2) == 2


def test_the_best_versions_accuracy_is_measured_where_nobody_signed_it(
    register: Callable[..., ModelVersion], registry: ModelRegistry, earlier: Earlier, tmp_path: Path
) -> None:
    good, poor = register("unsigned"), register("unsigned", 1, 2, 3)

    def bundle_of(version: ModelVersion) -> Bundle:
        return registry.download(version, tmp_path / str(version.number))

    champions = Champions(poor.bundle_sha256, _bundles(good, poor))
    found = earlier("unsigned", champions, bundle_of=bundle_of).best()
    assert found is not None
    assert found.number == good.number


def test_the_champion_is_found_by_its_bundle_whatever_its_number(
    register: Callable[..., ModelVersion], gate: Gate
) -> None:
    for blind in (5, 6):
        register("shifted", blind)
    champion, candidate = register("shifted"), register("shifted", 1)
    result = gate(candidate, Champions(champion.bundle_sha256, _bundles(champion)))
    assert (result.champion, result.best) == (3, 3)
    assert result.verdict.rule("champion").broken


def test_a_champion_that_is_gone_is_told_and_nothing_is_written(
    gate: Gate, register: Callable[..., ModelVersion], registry: ModelRegistry
) -> None:
    version = register("orphan", 4)
    with pytest.raises(NotFoundError, match="the champion of orphan no longer exists"):
        gate(version, Champions("7" * 64, frozenset(("7" * 64,))))
    assert registry.get("orphan").annotations == {}


def test_a_champion_that_is_damaged_is_told(
    gate: Gate, register: Callable[..., ModelVersion], home: Settings
) -> None:
    champion, version = register("damaged"), register("damaged", 4)
    stored = home.artifacts / "models" / "damaged" / champion.bundle_sha256 / "model.onnx"
    stored.write_bytes(b"another")
    with pytest.raises(IntegrityError, match=r"model\.onnx"):
        gate(version, Champions(champion.bundle_sha256, _bundles(champion)))


def test_a_verdict_whose_bundle_was_exchanged_lets_nothing_pass(
    gate: Gate, register: Callable[..., ModelVersion], registry: ModelRegistry, home: Settings
) -> None:
    good, other = register("exchanged"), register("exchanged", 4)
    gate(good)
    annotation = registry.get("exchanged", good.number).annotations[ANNOTATION]
    registry.annotate(other, ANNOTATION, annotation)
    with pytest.raises(IntegrityError, match="is about bundle"):
        verify(registry.get("exchanged", other.number), "local", Keys.at(home.home, {}))


class _Registry:
    """One whose other side fails or waits when it comes to writing."""

    def __init__(self, real: ModelRegistry, before: Callable[[str], None]) -> None:
        self._real = real
        self._before = before

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def download(self, version: ModelVersion, folder: Path) -> Bundle:
        return self._real.download(version, folder)

    def attach(self, version: ModelVersion, content: bytes) -> str:
        self._before("attach")
        return self._real.attach(version, content)

    def annotate(self, version: ModelVersion, key: str, value: str) -> ModelVersion:
        self._before("annotate")
        return self._real.annotate(version, key, value)


@pytest.mark.parametrize("dies_at", ["attach", "annotate"])
def test_a_registry_that_dies_before_the_end_keeps_the_earlier_verdict(
    gate: Gate, register: Callable[..., ModelVersion], registry: ModelRegistry, home: Settings, dies_at: str
) -> None:
    version = register(f"dying-{dies_at}", 4)
    earlier = gate(version)

    def die(step: str) -> None:
        if step == dies_at:
            raise UnavailableError("registry: connection lost")

    with pytest.raises(UnavailableError, match="connection lost"):
        gate(version, registry=_Registry(registry, die), time=_NOW.replace(year=2027))
    kept = registry.get(version.model)
    assert gate_result(kept) == earlier
    assert registry.attachment(kept, earlier.evidence_sha256)
    assert not list((home.artifacts / "models" / version.model).glob("*/.*"))


def test_two_gates_on_one_version_do_not_mix(
    gate: Gate,
    register: Callable[..., ModelVersion],
    registry: ModelRegistry,
    policy: Policy,
    home: Settings,
) -> None:
    version = register("raced")
    both_measured = Barrier(2, timeout=60)

    def meet(step: str) -> None:
        if step == "annotate":
            both_measured.wait()

    racing = _Registry(registry, meet)
    policies = [policy, policy.model_copy(update={"accuracy": 0.75})]
    results: list[GateResult] = []

    def run(own: Policy) -> None:
        results.append(gate(version, registry=racing, policy=own))

    threads = [Thread(target=run, args=(own,)) for own in policies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == 2
    kept = registry.get("raced")
    winner = gate_result(kept)
    assert winner in results
    assert verify(kept, "local", Keys.at(home.home, {})) == winner
    evidence = json.loads(registry.attachment(kept, winner.evidence_sha256))
    (own,) = [one for one in policies if one.sha256() == winner.policy_sha256]
    assert evidence["policy"] == own.model_dump()


def test_a_disk_that_is_full_is_told(
    gate: Gate,
    register: Callable[..., ModelVersion],
    registry: ModelRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = register("full", 4)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UnavailableError, match="No space left"):
        gate(version)
    assert registry.get("full") == replace(version, annotations={})
