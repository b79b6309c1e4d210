"""Commands that change what serves: promote, rollback, deploy and up, each a rollout that is recorded."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from fmnist.catalogue.promotion_log import PromotionLog, Writer
from fmnist.catalogue.promotions import (
    EventType,
    History,
    PromotionEvent,
    Takeover,
    TakeoverKind,
    Tenure,
    TenureOutcome,
)
from fmnist.core.bundle import Bundle, open_bundle
from fmnist.deployment.base import Deployment, Platform
from fmnist.deployment.eligibility import champion_or_newest
from fmnist.deployment.execute import run
from fmnist.deployment.rollout import RecordEvent, Rollout, interrupted, planned
from fmnist.errors import FmnistError, NotFoundError
from fmnist.gate.signing import Demands, Keys, Target, verify, verify_signature
from fmnist.registry.base import ModelRegistry, ModelVersion, find
from fmnist.serving.client import Client


@dataclass(frozen=True)
class Actor:
    """User who gives a command, and the reason given; both for people."""

    who: str
    reason: str | None = None


@dataclass(frozen=True)
class Promotion:
    """Outcome of a promotion or rollback.

    Attributes:
        champion: the tenure that goes on now.
        before: the tenure that ended by it; None if there was none, or the champion is still the same.
        notes: other things that people should know.
    """

    deployment: Deployment
    champion: Tenure
    before: Tenure | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ServedVersion:
    """Outcome of ``deploy`` or ``up``; ``notes`` are other things that people should know."""

    deployment: Deployment
    version: ModelVersion
    notes: tuple[str, ...]


def answering_bundle(url: str) -> str:
    """Digest of the bundle that answers a request at ``url``."""
    with Client(url) as client:
        prediction = client.predict(np.zeros((1, 28, 28), np.uint8))
    return str(prediction.tags["bundle_sha256"])


def fetch(registry: ModelRegistry, version: ModelVersion, folder: Path) -> Bundle:
    """The version's bundle in ``folder``, downloaded unless it is there already, whole and unchanged."""
    try:
        bundle = open_bundle(folder)
        if bundle.sha256 == version.bundle_sha256:
            return bundle
    except FmnistError:
        pass
    return registry.download(version, folder)


@dataclass(frozen=True)
class Promoter:
    """Changes what serves on ``platform``, one command of the model's at a time.

    Attributes:
        bundles: folder of the bundles that are served.
        target: where the platform is, which decides whose verdicts count.
        ask: digest of the bundle that answers at a URL.
        demands: what a verdict must be about for a version that does not serve yet.
    """

    registry: ModelRegistry
    platform: Platform
    log: PromotionLog
    keys: Keys
    bundles: Path
    target: Target = "local"
    ask: Callable[[str], str] = answering_bundle
    demands: Callable[[], Demands | None] = lambda: None

    def promote(self, number: int, actor: Actor) -> Promotion:
        """Make a version champion, after its verdict's signature was checked.

        Promoting the current champion redeploys it and does not start a new tenure.

        Raises:
            NotFoundError: there is no such version.
            GateRefused: the gate did not let it pass, or never tested it.
            IntegrityError: its verdict or bundle was altered, or the history is damaged.
            UnavailableError: it does not start, or was not seen to serve; see the history's last event.
        """
        with self.log.held() as writer:
            notes = self._settle(writer)
            version = self._chosen(number, writer.history)
            return self._promoted(writer, version, actor, TenureOutcome.REPLACED, notes)

    def rollback(self, actor: Actor) -> Promotion:
        """Make the last known good version champion; raises as ``promote`` does.

        Its verdict must be signed, but need not be a pass: it may have been tested again, and be worse
        than the version that is left.

        Raises:
            NotFoundError: nothing was promoted, no other version is known good, or it no longer exists.
        """
        with self.log.held() as writer:
            notes = self._settle(writer)
            version = self._last_known_good(writer.history)
            result = verify_signature(version, self.target, self.keys)
            if not result.passed:
                rules = ", ".join(rule.name for rule in result.verdict.broken)
                notes += (f"version {version.number} was refused when it was last tested: {rules}",)
            return self._promoted(writer, version, actor, TenureOutcome.ROLLED_BACK, notes)

    def deploy(self, number: int | None, actor: Actor) -> ServedVersion:
        """Serve a version, the latest if None; the champion stays champion. Raises as ``promote`` does."""
        with self.log.held() as writer:
            notes = self._settle(writer)
            version = self._chosen(number, writer.history)
            return self._deployed(writer, version, actor, notes)

    def up(self, actor: Actor) -> ServedVersion:
        """Serve the champion, before the first promotion the newest version that passed the gate.

        Raises:
            NotFoundError: the champion no longer exists, or no version passed.
        """
        with self.log.held() as writer:
            notes = self._settle(writer)
            version = champion_or_newest(
                self.registry, writer.history, self.log.model, self.target, self.keys, self.demands
            )
            return self._deployed(writer, version, actor, notes)

    def _chosen(self, number: int | None, history: History) -> ModelVersion:
        """The version, once its verdict lets it serve; the champion serves by the verdict that it had."""
        version = self.registry.get(self.log.model, number)
        is_champion = history.champion and history.champion.bundle_sha256 == version.bundle_sha256
        verify(version, self.target, self.keys, None if is_champion else self.demands())
        return version

    def _last_known_good(self, history: History) -> ModelVersion:
        champion, good = history.champion, history.known_good
        if champion is None:
            raise NotFoundError(f"no version of {self.log.model} was ever promoted; use fmnist promote")
        if not good:
            raise NotFoundError(
                f"version {champion.version} of {self.log.model} is the champion, and no other version "
                "is known good; fmnist promote VERSION serves one that passed the gate"
            )
        try:
            return find(self.registry, self.log.model, good[0].bundle_sha256)
        except NotFoundError as error:
            others = ", ".join(str(tenure.version) for tenure in good[1:]) or "none"
            raise NotFoundError(
                f"version {good[0].version}, the last known good, no longer exists ({error}); "
                f"others that are known good: {others}; fmnist promote VERSION serves one"
            ) from error

    def _promoted(
        self,
        writer: Writer,
        version: ModelVersion,
        actor: Actor,
        outcome: TenureOutcome,
        notes: tuple[str, ...],
    ) -> Promotion:
        before = writer.history.champion
        is_rollback = outcome is TenureOutcome.ROLLED_BACK
        kind = TakeoverKind.ROLLBACK if is_rollback else TakeoverKind.PROMOTION
        takeover = self._takeover(version, actor, kind, self._outcome(before, outcome))
        if before and before.bundle_sha256 == version.bundle_sha256:
            deployment = self._deployed(writer, version, actor, ()).deployment
        else:
            deployment = self._served(writer, version, takeover)
        notes += self._mirrored(version.number)
        champion = writer.history.tenures[-1]
        ended = writer.history.tenures[-2] if champion != before and before else None
        return Promotion(deployment, champion, ended, notes)

    def _deployed(
        self, writer: Writer, version: ModelVersion, actor: Actor, notes: tuple[str, ...]
    ) -> ServedVersion:
        """Serve the version without a promotion; that is recorded unless it served last."""
        serving = writer.history.serving
        takeover: Takeover | None = None
        if serving is None or serving.bundle_sha256 != version.bundle_sha256:
            takeover = self._takeover(version, actor, TakeoverKind.DEPLOYMENT, None)
        return ServedVersion(self._served(writer, version, takeover), version, notes)

    def _takeover(
        self, version: ModelVersion, actor: Actor, kind: TakeoverKind, ends: TenureOutcome | None
    ) -> Takeover:
        number, bundle = version.number, version.bundle_sha256
        return Takeover(number, bundle, actor.who, actor.reason, ends, kind, self.platform.place)

    def _served(self, writer: Writer, version: ModelVersion, takeover: Takeover | None) -> Deployment:
        rollout = planned(version.number, takeover, self.platform.deployments())
        folder = self.bundles / version.bundle_sha256[:16]
        self._run(writer, rollout, lambda _: fetch(self.registry, version, folder))
        return next(each for each in self.platform.deployments() if each.version == version.number)

    def _settle(self, writer: Writer) -> tuple[str, ...]:
        """See and record the outcome of a takeover that was interrupted here; what people should know of it.

        Only here, where its version serves or not: another machine that shares the history cannot see it.
        """
        here = writer.history.at(self.platform.place)
        pending = here.pending
        if pending is None:
            return ()
        if later := _served_since(pending, writer.history):
            note = f"interrupted, and version {later.version} served at {later.place} before it was noticed"
            writer.append(PromotionEvent(_now(), EventType.FAILED, pending, note))
        else:
            before = {here.serving.version: 100} if here.serving else {}
            self._run(writer, interrupted(pending, before), _no_bundle)
        return (
            f"{pending.who}'s {pending.kind} of version {pending.version} was interrupted; "
            f"now recorded: {writer.history.events[-1].event}",
        )

    def _run(self, writer: Writer, rollout: Rollout, bundle_of: Callable[[int], Bundle]) -> None:
        def record(action: RecordEvent) -> None:
            assert rollout.takeover
            writer.append(PromotionEvent(_now(), action.event, rollout.takeover, action.note))

        run(rollout, self.platform, bundle_of, self.ask, record)

    def _outcome(self, champion: Tenure | None, planned: TenureOutcome) -> TenureOutcome | None:
        """How the champion's tenure ends: as failed if it died, whatever takes its place."""
        if champion is None:
            return None
        is_dead = any(
            each.bundle_sha256 == champion.bundle_sha256 and each.weight and not each.ready
            for each in self.platform.deployments()
        )
        return TenureOutcome.FAILED if is_dead else planned

    def _mirrored(self, number: int) -> tuple[str, ...]:
        """Set the registry's own mark of the champion, on which nothing here relies."""
        try:
            marked = self.registry.set_champion(self.log.model, number)
        except FmnistError as error:
            return (f"the registry's champion was not set: {error}; promote version {number} again",)
        if marked != number:
            return (
                f"the registry calls version {marked} champion, not {number}: someone else set it in between",
            )
        return ()


def _served_since(pending: Takeover, history: History) -> Takeover | None:
    """The last takeover, at another place, that was seen to serve after ``pending`` began."""
    began = max(at for at, event in enumerate(history.events) if event.takeover == pending)
    return History(history.events[began:]).serving


def _no_bundle(version: int) -> Bundle:
    raise NotFoundError(f"version {version} was to be started while its takeover is settled")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
