from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fmnist.catalogue.promotion_log import PromotionLog
from fmnist.catalogue.promotions import EventType, TakeoverKind, TenureOutcome
from fmnist.core.bundle import Bundle
from fmnist.deployment.base import Deployment, Server
from fmnist.deployment.promote import Actor, Promoter
from fmnist.errors import FmnistError, GateRefused, IntegrityError, NotFoundError, UnavailableError
from fmnist.gate.signing import Keys
from fmnist.gate.verdict import ANNOTATION, Outcome, Rule
from fmnist.registry.base import ModelVersion
from tests.support.bundles import make_bundle
from tests.support.promotions import make_log
from tests.support.results import make_rule, with_verdict

BY = Actor("ada", "better")


class Machine:
    """A platform in memory; ``fault`` is the step that fails, ``killed`` the one that ends the process."""

    def __init__(self) -> None:
        self.place = "here"
        self.weights: dict[int, int] = {}
        self.dead: set[int] = set()
        self.fault = self.killed = ""
        self.answers: int | None = None

    @property
    def url(self) -> str:
        return "http://here"

    def apply(self, version: int, bundle: Bundle) -> Deployment:
        self._step("apply")
        self.weights.setdefault(version, 0)
        self.dead.discard(version)
        return self._deployment(version)

    def set_weights(self, weights: Mapping[int, int]) -> None:
        self._step("weights")
        if self.dead & set(weights):
            raise UnavailableError(f"{self.dead} do not answer")
        self.weights = {version: weights.get(version, 0) for version in self.weights}

    def deployments(self) -> list[Deployment]:
        return [self._deployment(one) for one in sorted(self.weights, key=lambda one: -self.weights[one])]

    def remove(self, version: int) -> None:
        self._step("remove")
        del self.weights[version]

    def ask(self, url: str) -> str:
        self._step("ask")
        return f"{self.answers or self.serving:064}"

    @property
    def serving(self) -> int:
        return next(one for one, weight in self.weights.items() if weight)

    def _step(self, name: str) -> None:
        if name == self.killed:
            raise KeyboardInterrupt
        if name == self.fault:
            raise UnavailableError(f"{name} fails")

    def servers(self) -> list[Server]:
        return []

    def stop(self) -> int:
        raise NotImplementedError

    def _deployment(self, version: int) -> Deployment:
        bundle, ready = f"{version:064}", version not in self.dead
        return Deployment("m", version, bundle, self.weights[version], ready, "http://here")


class Registry:
    """A registry as far as promotion goes."""

    def __init__(self, bundle: Bundle, versions: list[ModelVersion]) -> None:
        self.bundle = bundle
        self.of = {version.number: version for version in versions}
        self.alias: int | None = None
        self.race: int | None = None
        self.gone = False

    def get(self, model: str, number: int | None) -> ModelVersion:
        number = number or max(self.of)
        if number not in self.of:
            raise NotFoundError(f"no version {number}")
        return self.of[number]

    def versions(self, model: str) -> list[ModelVersion]:
        return [self.of[number] for number in sorted(self.of, reverse=True)]

    def download(self, version: ModelVersion, folder: Path) -> Bundle:
        return self.bundle

    def set_champion(self, model: str, number: int) -> int:
        if self.gone:
            raise UnavailableError("registry is gone")
        self.alias = self.race or number
        return self.alias


class Site:
    """Versions 1-4 passed, 5 was refused, 6 never tested, 7 altered after it was refused."""

    def __init__(self, folder: Path, bundle: Bundle, log: PromotionLog | None = None) -> None:
        keys = Keys.at(folder, {})
        key = keys.signing()
        versions = [
            ModelVersion("m", number, "2026-01-01", f"{number:064}", bundle.metadata, {})
            for number in range(1, 8)
        ]
        fail = make_rule("accuracy", outcome=Outcome.FAIL)
        for at, version in enumerate(versions):
            if version.number in (1, 2, 3, 4):
                versions[at] = with_verdict(version, key)
            if version.number in (5, 7):
                versions[at] = with_verdict(version, key, fail)
        text = versions[6].annotations[ANNOTATION]
        text = text.replace('"fail"', '"pass"').replace('"passed": false', '"passed": true')
        versions[6] = replace(versions[6], annotations={ANNOTATION: text})
        self.machine, self.registry = Machine(), Registry(bundle, versions)
        self.log = log or make_log(folder)
        self.promoter = Promoter(
            self.registry,  # type: ignore[arg-type]
            self.machine,
            self.log,
            keys,
            folder / "bundles",
            ask=self.machine.ask,
        )

    def promote(self, *numbers: int) -> None:
        for number in numbers:
            self.promoter.promote(number, BY)

    @property
    def champion(self) -> int | None:
        champion = self.log.read().champion
        return champion.version if champion else None

    @property
    def events(self) -> list[tuple[int, EventType]]:
        return [(entry.takeover.version, entry.event) for entry in self.log.read().events]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("promote") / "bundle")


@pytest.fixture
def site(tmp_path: Path, bundle: Bundle) -> Site:
    return Site(tmp_path, bundle)


def test_a_promoted_version_serves_alone_and_is_written_down(site: Site) -> None:
    first = site.promoter.promote(2, BY)
    assert (first.before, first.notes, first.deployment.version) == (None, (), 2)
    second = site.promoter.promote(1, Actor("bob"))
    assert site.machine.weights == {1: 100}
    assert site.registry.alias == 1
    assert second.before is not None
    assert (second.before.version, second.before.ended, second.before.until) == (
        2,
        TenureOutcome.REPLACED,
        second.champion.since,
    )
    assert (second.champion.version, second.champion.who, second.champion.reason) == (1, "bob", None)
    assert (second.before.who, second.before.reason) == ("ada", "better")


@pytest.mark.parametrize(
    ("number", "error", "says"),
    [
        (5, GateRefused, "refused by the gate"),
        (6, GateRefused, "never tested"),
        (7, IntegrityError, "altered"),
        (9, NotFoundError, "no version 9"),
    ],
)
def test_what_the_gate_did_not_let_pass_changes_nothing(
    site: Site, number: int, error: type[FmnistError], says: str
) -> None:
    site.promote(1)
    before = site.log.read()
    with pytest.raises(error, match=says):
        site.promote(number)
    assert (site.machine.weights, site.registry.alias, site.log.read()) == ({1: 100}, 1, before)


@pytest.mark.parametrize("fault", ["apply", "weights"])
def test_a_version_that_does_not_take_over_failed_and_the_champion_stays(site: Site, fault: str) -> None:
    site.promote(1)
    site.machine.fault = fault
    with pytest.raises(UnavailableError, match=f"{fault} fails"):
        site.promote(2)
    assert (site.machine.serving, site.champion, site.registry.alias) == (1, 1, 1)
    assert site.events[-1] == (2, EventType.FAILED)
    assert site.log.read().events[-1].note == f"{fault} fails"


def test_another_answer_than_the_new_versions_is_no_promotion(site: Site) -> None:
    site.promote(1)
    site.machine.answers = 1
    with pytest.raises(UnavailableError, match="version 2 should serve, but version 1 answers"):
        site.promote(2)
    assert (site.champion, site.machine.serving) == (1, 1)


def test_the_champion_again_is_served_again_and_its_time_goes_on(site: Site) -> None:
    site.promote(1)
    before = site.log.read()
    site.machine.weights = {}
    assert site.promoter.promote(1, BY).before is None
    assert (site.machine.weights, site.log.read()) == ({1: 100}, before)


def test_a_rollback_returns_to_the_last_known_good(site: Site) -> None:
    site.promote(1, 4, 2)
    done = site.promoter.rollback(Actor("bob", "coats"))
    assert (done.champion.version, done.champion.reason, site.machine.weights) == (4, "coats", {4: 100})
    assert done.before is not None
    assert (done.before.version, done.before.ended) == (2, TenureOutcome.ROLLED_BACK)
    site.promote(3)
    assert site.promoter.rollback(BY).champion.version == 4
    assert site.promoter.rollback(BY).champion.version == 1
    with pytest.raises(NotFoundError, match="no other version is known good"):
        site.promoter.rollback(BY)
    assert site.machine.weights == {1: 100}


def _test_again(site: Site, number: int, *rules: Rule) -> None:
    version = site.registry.of[number]
    site.registry.of[number] = with_verdict(version, site.promoter.keys.signing(), *rules)


def test_a_version_that_was_tested_again_and_is_worse_is_returned_to(site: Site) -> None:
    site.promote(1, 2)
    _test_again(site, 1, make_rule("champion", outcome=Outcome.FAIL))
    with pytest.raises(GateRefused, match="version 1 of m was refused"):
        site.promote(1)
    done = site.promoter.rollback(BY)
    assert (done.champion.version, site.machine.weights) == (1, {1: 100})
    assert done.notes == ("version 1 was refused when it was last tested: champion",)
    site.machine.weights = {}
    assert site.promoter.up(BY).deployment.version == 1
    assert site.machine.weights == {1: 100}


@pytest.mark.parametrize("says", ["never tested", "altered"])
def test_a_version_without_its_signature_is_not_returned_to(site: Site, says: str) -> None:
    site.promote(1, 2)
    verdict = site.registry.of[1].annotations[ANNOTATION].replace('"time": "2', '"time": "1')
    annotations = {ANNOTATION: verdict} if says == "altered" else {}
    site.registry.of[1] = replace(site.registry.of[1], annotations=annotations)
    with pytest.raises((GateRefused, IntegrityError), match=says):
        site.promoter.rollback(BY)
    assert (site.champion, site.machine.weights) == (2, {2: 100})


def test_a_known_good_version_is_found_by_its_bundle(site: Site) -> None:
    site.promote(1, 2)
    moved = replace(site.registry.of[1], number=8, annotations={})
    site.registry.of[8] = with_verdict(moved, site.promoter.keys.signing())
    site.registry.of[1] = replace(site.registry.of[3], number=1)
    done = site.promoter.rollback(BY)
    assert (done.champion.version, done.champion.bundle_sha256) == (8, f"{1:064}")
    assert site.registry.alias == 8


def test_another_place_settles_nothing_and_waits_for_nobody(site: Site) -> None:
    site.promote(1)
    site.machine.killed = "remove"
    with pytest.raises(KeyboardInterrupt):
        site.promote(2)
    weights = dict(site.machine.weights)
    site.machine.killed, site.machine.place, site.machine.weights = "", "elsewhere", {}
    assert site.promoter.promote(3, BY).notes == ()
    assert site.machine.weights == {3: 100}
    site.machine.place, site.machine.weights = "here", weights
    done = site.promoter.up(BY)
    assert done.notes == ("ada's promotion of version 2 was interrupted; now recorded: failed",)
    assert (done.version.number, site.machine.weights, site.champion) == (3, {3: 100}, 3)
    (failed,) = [event for event in site.log.read().events if event.event is EventType.FAILED]
    assert failed.note == "interrupted, and version 3 served at elsewhere before it was noticed"


def test_without_a_promotion_there_is_nothing_to_roll_back(site: Site) -> None:
    with pytest.raises(NotFoundError, match="was ever promoted"):
        site.promoter.rollback(BY)


def test_a_champion_that_died_is_not_returned_to(site: Site) -> None:
    site.promote(1, 2)
    site.machine.dead = {2}
    site.promote(3)
    assert [tenure.ended for tenure in site.log.read().tenures] == [
        TenureOutcome.REPLACED,
        TenureOutcome.FAILED,
        None,
    ]
    assert site.promoter.rollback(BY).champion.version == 1


def test_a_target_that_no_longer_exists_is_named_with_the_others(site: Site) -> None:
    site.promote(1, 2, 3)
    del site.registry.of[2]
    with pytest.raises(NotFoundError, match=r"version 2, the last known good, .*that are known good: 1;"):
        site.promoter.rollback(BY)
    assert site.champion == 3


@pytest.mark.parametrize(("step", "served"), [("apply", 1), ("weights", 1), ("remove", 2), ("ask", 2)])
def test_after_a_kill_the_next_command_reads_back_what_serves(site: Site, step: str, served: int) -> None:
    site.promote(1)
    site.machine.killed = step
    with pytest.raises(KeyboardInterrupt):
        site.promote(2)
    assert site.events[-1] == (2, EventType.BEGUN)
    site.machine.killed = ""
    done = site.promoter.promote(3, BY)
    outcome = EventType.SERVES if served == 2 else EventType.FAILED
    assert (2, outcome) in site.events
    assert done.notes == (f"ada's promotion of version 2 was interrupted; now recorded: {outcome}",)
    assert done.before is not None
    assert done.before.version == served


def test_a_killed_takeover_that_cannot_be_seen_gives_the_traffic_back(
    site: Site,
) -> None:
    site.promote(1)
    site.machine.killed = "remove"
    with pytest.raises(KeyboardInterrupt):
        site.promote(2)
    site.machine.killed, site.machine.fault = "", "ask"
    with pytest.raises(UnavailableError):
        site.promote(1)
    assert site.champion == 1
    assert site.machine.weights == {1: 100}


@pytest.mark.parametrize("fault", ["apply", "weights", "ask"])
def test_a_failed_promotion_ends_as_if_it_had_not_begun(site: Site, fault: str) -> None:
    site.machine.fault = fault
    with pytest.raises(UnavailableError, match=f"{fault} fails"):
        site.promote(1)
    assert (site.machine.weights, site.champion, site.registry.alias) == ({}, None, None)
    site.machine.fault = ""
    site.promote(1)
    site.machine.fault = fault
    with pytest.raises(UnavailableError, match=f"{fault} fails"):
        site.promote(2)
    assert (site.machine.weights, site.champion, site.registry.alias) == ({1: 100}, 1, 1)


@pytest.mark.parametrize("step", ["apply", "weights", "ask"])
def test_an_interrupted_promotion_that_does_not_serve_is_undone(site: Site, step: str) -> None:
    site.promote(1)
    site.machine.killed = step
    with pytest.raises(KeyboardInterrupt):
        site.promote(2)
    site.machine.killed, site.machine.answers = "", 9
    with pytest.raises(FmnistError):
        site.promote(5)
    assert site.machine.weights == {1: 100}


def test_when_the_version_before_died_a_failed_promotion_serves_nothing(site: Site) -> None:
    site.promote(1)
    site.machine.dead, site.machine.answers = {1}, 9
    with pytest.raises(UnavailableError, match=f"bundle {9:064} answers"):
        site.promote(2)
    assert site.machine.weights == {1: 0}


def test_a_deployment_is_recorded_as_one_and_the_champion_stays(site: Site) -> None:
    site.promote(1)
    done = site.promoter.deploy(2, BY)
    assert (done.deployment.version, done.version.number, site.machine.weights) == (2, 2, {2: 100})
    assert (site.champion, site.registry.alias) == (1, 1)
    assert site.events[-2:] == [(2, EventType.BEGUN), (2, EventType.SERVES)]
    event = site.log.read().events[-1]
    assert (event.takeover.kind, event.takeover.previous_outcome) == (TakeoverKind.DEPLOYMENT, None)
    again = site.log.read()
    site.promoter.deploy(2, BY)
    assert site.log.read() == again
    promoted = site.promoter.promote(3, BY)
    assert promoted.notes == ()
    assert promoted.before is not None
    assert (promoted.before.version, promoted.before.ended) == (1, TenureOutcome.REPLACED)


def test_the_latest_is_deployed_unless_the_gate_refused_it(site: Site) -> None:
    with pytest.raises(IntegrityError, match="altered"):
        site.promoter.deploy(None, BY)
    for number in (5, 6, 7):
        del site.registry.of[number]
    assert site.promoter.deploy(None, BY).deployment.version == 4


def test_up_returns_to_the_champion_without_a_new_tenure(site: Site) -> None:
    site.promote(1)
    tenures = site.log.read().tenures
    site.promoter.deploy(2, BY)
    assert site.promoter.up(BY).deployment.version == 1
    assert (site.machine.weights, site.log.read().tenures) == ({1: 100}, tenures)
    again = site.log.read()
    assert [event.takeover.version for event in again.events[-2:]] == [1, 1]
    site.machine.weights = {}
    assert site.promoter.up(BY).deployment.version == 1
    assert (site.machine.weights, site.log.read()) == ({1: 100}, again)


def test_up_before_the_first_promotion_serves_the_newest_that_passed(site: Site) -> None:
    del site.registry.of[7]
    assert site.promoter.up(BY).deployment.version == 4
    assert (site.champion, site.events) == (None, [(4, EventType.BEGUN), (4, EventType.SERVES)])


def test_an_interrupted_deployment_gives_the_traffic_back_to_what_served(site: Site) -> None:
    site.promote(1)
    site.promoter.deploy(2, BY)
    site.machine.killed = "remove"
    with pytest.raises(KeyboardInterrupt):
        site.promoter.deploy(3, BY)
    site.machine.killed, site.machine.fault = "", "ask"
    with pytest.raises(UnavailableError):
        site.promoter.deploy(3, BY)
    assert site.machine.weights[2] == 100
    assert site.log.read().pending is None


def test_a_lost_race_for_the_registrys_champion_is_told(site: Site) -> None:
    site.registry.race = 4
    assert "calls version 4 champion, not 1" in site.promoter.promote(1, BY).notes[0]
    site.registry.race, site.registry.gone = None, True
    assert "registry is gone" in site.promoter.promote(2, BY).notes[0]
    assert site.champion == 2


_STEPS = st.tuples(
    st.sampled_from(["promote", "rollback", "deploy", "up"]),
    st.integers(1, 7),
    st.sampled_from(["", "", "apply", "weights", "remove", "ask"]),
    st.booleans(),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(_STEPS, max_size=10))
def test_whatever_happens_the_log_says_what_serves(
    steps: list[tuple[str, int, str, bool]], bundle: Bundle, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # One database for all examples: making it takes longer than all that is done with it.
    folder = tmp_path_factory.mktemp("site")
    site = Site(folder, bundle, make_log(tmp_path_factory.getbasetemp(), folder.name))
    for verb, number, fault, kill in steps:
        before = site.log.read()
        site.machine.killed, site.machine.fault = (fault, "") if kill else ("", fault)
        commands: dict[str, Callable[[], object]] = {
            "promote": partial(site.promoter.promote, number, BY),
            "rollback": partial(site.promoter.rollback, BY),
            "deploy": partial(site.promoter.deploy, number, BY),
            "up": partial(site.promoter.up, BY),
        }
        with suppress(FmnistError, KeyboardInterrupt):
            commands[verb]()
        after = site.log.read()
        assert after.events[: len(before.events)] == before.events
    site.machine.killed = site.machine.fault = ""
    if site.log.read().pending:
        with pytest.raises(NotFoundError):
            site.promote(9)
    history = site.log.read()
    assert history.pending is None
    assert {tenure.version for tenure in history.tenures} <= {1, 2, 3, 4}
    assert all(tenure.ended for tenure in history.tenures[:-1])
    if history.serving:
        assert site.machine.weights[history.serving.version] == 100
