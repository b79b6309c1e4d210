"""The road to serving: each decision of ``step`` alone, and whole rollouts on a platform in memory."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnist.catalogue.promotions import EventType, Takeover
from fmnist.core.bundle import Bundle
from fmnist.deployment.base import Deployment, Server
from fmnist.deployment.execute import run
from fmnist.deployment.promote import fetch
from fmnist.deployment.rollout import (
    Action,
    Apply,
    Done,
    Observation,
    Phase,
    RecordEvent,
    Remove,
    Rollout,
    SetWeights,
    Verify,
    interrupted,
    planned,
    step,
)
from fmnist.errors import FmnistError, IntegrityError, UnavailableError
from fmnist.registry.base import ModelVersion
from fmnist.registry.bundle_files import copy_bundle
from tests.support.bundles import make_bundle

TAKEOVER = Takeover(3, "c" * 64, "ada", None, None)
FAILURE = UnavailableError("no")


def _seen(
    *weights: tuple[int, int], answering: int | None = None, failure: FmnistError | None = None
) -> Observation:
    deployments = [
        Deployment("m", version, _bundle(version), weight, True, "http://here") for version, weight in weights
    ]
    return Observation(tuple(deployments), None if answering is None else _bundle(answering), failure)


def _bundle(version: int) -> str:
    return f"{version:064}"


def _rollout(phase: Phase, takeover: Takeover | None = TAKEOVER) -> Rollout:
    """From version 2 to version 3."""
    return Rollout(3, takeover, {2: 100}, ({3: 100},), phase)


BEFORE, APPLIED, SHIFTED = _seen((2, 100)), _seen((2, 100), (3, 0)), _seen((3, 100), (2, 0))
SERVES = replace(SHIFTED, answering=_bundle(3))
FAILED = RecordEvent(EventType.FAILED, "it was interrupted before the version served")


@pytest.mark.parametrize(
    ("phase", "seen", "action", "after"),
    [
        (Phase.PLANNED, BEFORE, RecordEvent(EventType.BEGUN), Phase.BEGINNING),
        (Phase.BEGINNING, BEFORE, Apply(3), Phase.STARTING),
        (Phase.BEGINNING, replace(BEFORE, failure=FAILURE), Done(), Phase.DONE),
        (Phase.STARTING, APPLIED, SetWeights({3: 100}), Phase.SHIFTING),
        (Phase.STARTING, replace(BEFORE, failure=FAILURE), Verify(), Phase.SETTLING),
        (Phase.SHIFTING, SHIFTED, Verify(), Phase.VERIFYING),
        (Phase.SHIFTING, replace(APPLIED, failure=FAILURE), SetWeights({2: 100}), Phase.RESTORING),
        (Phase.VERIFYING, SERVES, Remove(2), Phase.RETIRING),
        (Phase.VERIFYING, _seen((3, 100), answering=3), RecordEvent(EventType.SERVES), Phase.RECORDING),
        (Phase.VERIFYING, replace(SHIFTED, answering=_bundle(2)), SetWeights({2: 100}), Phase.RESTORING),
        (Phase.VERIFYING, replace(SHIFTED, failure=FAILURE), SetWeights({2: 100}), Phase.RESTORING),
        # What would be restored no longer runs.
        (Phase.VERIFYING, _seen((3, 100), answering=2), Verify(), Phase.SETTLING),
        (Phase.RETIRING, _seen((3, 100)), RecordEvent(EventType.SERVES), Phase.RECORDING),
        (Phase.RETIRING, replace(SHIFTED, failure=FAILURE), Verify(), Phase.SETTLING),
        (Phase.RESTORING, replace(SHIFTED, failure=FAILURE), Verify(), Phase.SETTLING),
        (Phase.RESTORING, APPLIED, Verify(), Phase.SETTLING),
        (Phase.INTERRUPTED, SHIFTED, Verify(), Phase.SETTLING),
        (Phase.SETTLING, SERVES, RecordEvent(EventType.SERVES), Phase.RECORDING),
        (Phase.SETTLING, replace(SHIFTED, failure=FAILURE), SetWeights({2: 100}), Phase.RESTORING),
        (Phase.SETTLING, APPLIED, Remove(3), Phase.WITHDRAWING),
        # Nothing runs that could have the traffic instead.
        (Phase.EMPTYING, _seen((3, 0)), Remove(3), Phase.WITHDRAWING),
        (Phase.EMPTYING, _seen((3, 100), failure=FAILURE), FAILED, Phase.RECORDING),
        (Phase.SETTLING, BEFORE, FAILED, Phase.RECORDING),
        (Phase.WITHDRAWING, BEFORE, FAILED, Phase.RECORDING),
        (Phase.WITHDRAWING, replace(APPLIED, failure=FAILURE), FAILED, Phase.RECORDING),
        (Phase.RECORDING, SERVES, Done(), Phase.DONE),
        (Phase.RECORDING, replace(SERVES, failure=FAILURE), Done(), Phase.DONE),
        (Phase.DONE, SERVES, Done(), Phase.DONE),
    ],
)
def test_each_decision(phase: Phase, seen: Observation, action: Action, after: Phase) -> None:
    rollout, decided = step(_rollout(phase), seen)
    assert (decided, rollout.phase) == (action, after)


def test_without_a_takeover_nothing_is_recorded() -> None:
    assert step(_rollout(Phase.PLANNED, None), BEFORE)[1] == Apply(3)
    assert step(_rollout(Phase.VERIFYING, None), _seen((3, 100), answering=3))[1] == Done()
    assert step(_rollout(Phase.SETTLING, None), BEFORE)[1] == Done()


def test_a_version_that_ran_before_is_not_stopped() -> None:
    rollout = planned(3, None, [*APPLIED.deployments])
    assert not rollout.is_new
    assert step(replace(rollout, phase=Phase.SETTLING, is_restored=True), APPLIED)[1] == Done()


def test_without_anything_before_the_traffic_goes_to_nobody() -> None:
    rollout = replace(planned(3, TAKEOVER, []), phase=Phase.VERIFYING)
    rollout, action = step(rollout, _seen((3, 100), failure=FAILURE))
    assert (action, rollout.phase) == (SetWeights({}), Phase.RESTORING)
    # The version before died, and so cannot have it back.
    rollout = replace(planned(3, TAKEOVER, [*BEFORE.deployments]), phase=Phase.SETTLING, is_restored=True)
    assert step(rollout, SHIFTED)[1] == SetWeights({})


def test_a_version_that_takes_traffic_again_is_not_removed() -> None:
    rollout = replace(_rollout(Phase.RETIRING), retiring=(1, 2))
    rollout, action = step(rollout, _seen((3, 90), (2, 10)))
    assert (action, str(rollout.failure)) == (Verify(), "version 2 takes 10 % of the traffic again")


def test_more_splits_are_made_and_verified_one_after_another() -> None:
    """As a canary will."""
    canary = replace(_rollout(Phase.STARTING), splits=({2: 90, 3: 10}, {3: 100}))
    canary, action = step(canary, APPLIED)
    assert action == SetWeights({2: 90, 3: 10})
    canary, action = step(canary, _seen((2, 90), (3, 10)))
    assert action == Verify()
    after, action = step(canary, _seen((2, 90), (3, 10), answering=2))
    assert (action, after.phase) == (SetWeights({3: 100}), Phase.SHIFTING)
    after, action = step(canary, _seen((2, 90), (3, 10), failure=FAILURE))
    assert (action, after.failure) == (SetWeights({2: 100}), FAILURE)


_VERSIONS = st.integers(1, 4)
_WEIGHTS = st.dictionaries(_VERSIONS, st.integers(1, 100), max_size=3)
_SPLITS = _VERSIONS.map(lambda version: {version: 100}) | st.just({1: 60, 2: 40})
_OBSERVATIONS = st.builds(
    lambda weights, ready, answering, failure: Observation(
        tuple(
            Deployment("m", version, _bundle(version), weight, ready, "")
            for version, weight in weights.items()
        ),
        answering,
        failure,
    ),
    st.dictionaries(_VERSIONS, st.integers(0, 100), max_size=4),
    st.booleans(),
    st.none() | _VERSIONS.map(_bundle),
    st.none() | st.just(FAILURE),
)
_ROLLOUTS = st.builds(
    Rollout,
    st.just(3),
    st.none() | st.just(TAKEOVER),
    st.just({}) | _SPLITS,
    st.lists(_SPLITS, max_size=2).map(lambda splits: (*splits, {3: 100})),
    st.sampled_from(Phase),
    st.lists(st.sampled_from([1, 2, 4]), unique=True).map(tuple),
    st.booleans(),
    st.booleans(),
)


@given(_ROLLOUTS, st.lists(_OBSERVATIONS, min_size=1))
def test_whatever_is_seen_it_ends(rollout: Rollout, observations: list[Observation]) -> None:
    events = []
    for number in range(30):
        seen = observations[number % len(observations)]
        rollout, action = step(rollout, seen)
        if isinstance(action, Remove):
            assert seen.weight(action.version) == 0
            assert action.version != rollout.target or rollout.is_new
        if isinstance(action, SetWeights):
            assert sum(action.split.values()) == 100 or action.split in (rollout.before, {})
        if isinstance(action, RecordEvent):
            events.append(action.event)
        if isinstance(action, Done):
            break
    assert isinstance(action, Done)
    assert EventType.BEGUN not in events[1:]
    assert len(events) <= 2
    assert len(set(events) - {EventType.BEGUN}) <= 1


class Machine:
    """A platform that only notes what it is told; version 13 never gets ready."""

    def __init__(self, **weights: int) -> None:
        self.weights = {int(name[1:]): weight for name, weight in weights.items()}
        self.steps: list[str] = []
        self.place = "here"

    @property
    def url(self) -> str:
        return "http://here"

    def apply(self, version: int, bundle: Bundle) -> Deployment:
        self.steps.append(f"apply {version}")
        if version == 13:
            raise UnavailableError("version 13 does not start")
        self.weights.setdefault(version, 0)
        return self._deployment(version)

    def set_weights(self, weights: Mapping[int, int]) -> None:
        self.steps.append(f"weights {dict(weights)}")
        self.weights = {version: weights.get(version, 0) for version in self.weights}

    def deployments(self) -> list[Deployment]:
        return [self._deployment(one) for one in sorted(self.weights, key=lambda one: -self.weights[one])]

    def remove(self, version: int) -> None:
        self.steps.append(f"remove {version}")
        del self.weights[version]

    def servers(self) -> list[Server]:
        return []

    def stop(self) -> int:
        raise NotImplementedError

    def serve(self, version: int, bundle: Bundle) -> None:
        rollout = planned(version, None, self.deployments())
        run(rollout, self, lambda _: bundle, lambda _: _bundle(self.serving), print)

    @property
    def serving(self) -> int:
        return max(self.weights, key=self.weights.__getitem__)

    def _deployment(self, version: int) -> Deployment:
        return Deployment("m", version, _bundle(version), self.weights[version], True, "http://here")


class OneBundle:
    """A registry as far as downloading goes."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.downloads = 0

    def download(self, version: ModelVersion, folder: Path) -> Bundle:
        self.downloads += 1
        return copy_bundle(self.bundle, folder)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return make_bundle(tmp_path / "bundle")


def test_the_new_version_is_ready_before_it_takes_the_traffic_and_the_old_ones_end_last(
    bundle: Bundle,
) -> None:
    machine = Machine(v1=0, v2=100)
    machine.serve(3, bundle)
    assert machine.steps == ["apply 3", "weights {3: 100}", "remove 1", "remove 2"]
    assert machine.weights == {3: 100}


def test_a_version_that_does_not_get_ready_changes_nothing(bundle: Bundle) -> None:
    machine = Machine(v2=100)
    with pytest.raises(UnavailableError, match="13"):
        machine.serve(13, bundle)
    assert (machine.weights, machine.steps) == ({2: 100}, ["apply 13"])


@pytest.mark.parametrize(("serving", "event"), [(3, EventType.SERVES), (2, EventType.FAILED)])
def test_an_interrupted_takeover_is_settled_by_what_serves(serving: int, event: EventType) -> None:
    machine = Machine(v2=100, v3=0)
    machine.set_weights({serving: 100})
    recorded: list[RecordEvent] = []
    run(
        interrupted(TAKEOVER, {2: 100}),
        machine,
        lambda version: pytest.fail(f"nothing is to be started, least of all {version}"),
        lambda _: _bundle(serving),
        recorded.append,
    )
    assert [action.event for action in recorded] == [event]


def test_a_bundle_is_downloaded_once_and_again_only_if_it_changed(bundle: Bundle, tmp_path: Path) -> None:
    registry, folder = OneBundle(bundle), tmp_path / "served"
    version = ModelVersion("m", 1, "2026-01-01", bundle.sha256, bundle.metadata, {})
    for downloads in (1, 1):
        assert fetch(registry, version, folder).sha256 == bundle.sha256  # type: ignore[arg-type]
        assert registry.downloads == downloads
    (folder / "model.onnx").write_bytes(b"damaged")
    assert fetch(registry, version, folder).folder == folder  # type: ignore[arg-type]
    assert registry.downloads == 2


def test_what_a_registry_says_of_a_download_is_not_hidden(bundle: Bundle, tmp_path: Path) -> None:
    (bundle.folder / "model.onnx").write_bytes(b"damaged")
    version = ModelVersion("m", 1, "2026-01-01", bundle.sha256, bundle.metadata, {})
    with pytest.raises(IntegrityError, match=r"model\.onnx"):
        fetch(OneBundle(replace(bundle)), version, tmp_path / "served")  # type: ignore[arg-type]
