"""Promotion and rollback: what serves changes, is seen to have changed, and is written down."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from fmnist.catalogue.history import EventType, PromotionEvent, Takeover, Tenure, TenureOutcome
from fmnist.catalogue.promotion_log import PromotionLog, Writer
from fmnist.deployment.base import Deployment, Platform
from fmnist.deployment.rollout import fetch
from fmnist.errors import FmnistError, NotFoundError, UnavailableError
from fmnist.gate.keys import Keys
from fmnist.gate.signature import Target, verify
from fmnist.registry.base import ModelRegistry, ModelVersion
from fmnist.serving.client import Client


@dataclass(frozen=True)
class By:
    """Who wants it, and why; both for people."""

    who: str
    reason: str | None = None


@dataclass(frozen=True)
class Promotion:
    """What serves now, and since when; ``before`` is who served before, None if nobody or the same.

    ``notes`` say what else was noticed, each for people.
    """

    deployment: Deployment
    champion: Tenure
    before: Tenure | None
    notes: tuple[str, ...]


def answering(url: str) -> int:
    """The number of the version that answers a request at ``url``."""
    with Client(url) as client:
        answer = client.predict(np.zeros((1, 28, 28), np.uint8))
    return int(answer.tags["model_version"])


@dataclass(frozen=True)
class Promoter:
    """Changes what serves on ``platform``, one promotion of the log's model at a time.

    ``bundles`` is where served bundles lie; ``ask`` says which version answers at a URL.
    """

    registry: ModelRegistry
    platform: Platform
    log: PromotionLog
    keys: Keys
    bundles: Path
    target: Target = "local"
    ask: Callable[[str], int] = answering

    def promote(self, number: int, by: By) -> Promotion:
        """Give a version all traffic, once its verdict's signature is checked.

        The champion again is served again; the log then stays as it is.

        Raises:
            NotFoundError: there is no such version.
            GateRefused: the gate did not let it pass, or was never asked.
            IntegrityError: its verdict or bundle was altered, or the log is damaged.
            UnavailableError: it does not start, or was not seen to serve; see the log's last entry.
        """
        with self.log.held() as writer:
            notes = self._noticed(writer)
            return self._promoted(writer, number, by, TenureOutcome.REPLACED, notes)

    def rollback(self, by: By) -> Promotion:
        """Return to the last version that served well along the log.

        Raises:
            NotFoundError: nothing was promoted, no other version served well, or it is gone.
        """
        with self.log.held() as writer:
            notes = self._noticed(writer)
            number = self._last_good(writer)
            return self._promoted(writer, number, by, TenureOutcome.ROLLED_BACK, notes)

    def _last_good(self, writer: Writer) -> int:
        champion, good = writer.history.champion, writer.history.known_good
        if champion is None:
            raise NotFoundError(f"no version of {self.log.model} was ever promoted; use fmnist promote")
        if not good:
            raise NotFoundError(
                f"version {champion.version} of {self.log.model} is the champion, and no other version "
                "served well; fmnist promote VERSION serves one that passed the gate"
            )
        try:
            self.registry.get(self.log.model, good[0])
        except NotFoundError as error:
            others = ", ".join(map(str, good[1:])) or "none"
            raise NotFoundError(
                f"version {good[0]} served well last, but no longer exists ({error}); "
                f"others that served well: {others}; fmnist promote VERSION serves one"
            ) from error
        return good[0]

    def _promoted(
        self, writer: Writer, number: int, by: By, end: TenureOutcome, notes: tuple[str, ...]
    ) -> Promotion:
        version = self.registry.get(self.log.model, number)
        verify(version, self.target, self.keys)
        before = writer.history.champion
        if before and before.bundle_sha256 == version.bundle_sha256:
            self._serve(version)
        else:
            self._take_over(writer, version, by, self._end_of(before, end))
        notes += self._mirrored(number)
        champion = writer.history.tenures[-1]
        earlier = writer.history.tenures[-2] if champion != before and before else None
        return Promotion(self._serving(number), champion, earlier, notes)

    def _take_over(
        self, writer: Writer, version: ModelVersion, by: By, previous_outcome: TenureOutcome | None
    ) -> None:
        takeover = Takeover(version.number, version.bundle_sha256, by.who, by.reason, previous_outcome)
        writer.append(PromotionEvent(_now(), EventType.BEGUN, takeover))
        try:
            self._serve(version)
        except FmnistError as error:
            self._settle(writer, takeover, str(error))
            raise
        writer.append(PromotionEvent(_now(), EventType.SERVES, takeover))

    def _serve(self, version: ModelVersion) -> None:
        """Those that served end only after the new one was seen to serve; else they get traffic back."""
        bundle = fetch(self.registry, version, self.bundles / f"v{version.number}")
        before = {one.version: one.weight for one in self.platform.deployments() if one.weight}
        self.platform.apply(version.number, bundle)
        try:
            self.platform.set_weights({version.number: 100})
            self._serving(version.number)
        except FmnistError:
            with suppress(FmnistError):
                self.platform.set_weights(before or {version.number: 100})
            raise
        for other in self.platform.deployments():
            if other.version != version.number:
                self.platform.remove(other.version)

    def _serving(self, number: int) -> Deployment:
        """What serves, if it is that version alone: by the platform's word, and by an answer.

        Raises:
            UnavailableError: it is not.
        """
        found = {one.version: one for one in self.platform.deployments() if one.weight}
        if set(found) != {number} or not found[number].ready:
            shares = ", ".join(f"version {one.version} at {one.weight} %" for one in found.values())
            raise UnavailableError(f"version {number} should serve, but {shares or 'nothing'} does")
        answered = self.ask(found[number].url)
        if answered != number:
            raise UnavailableError(f"version {number} should serve, but version {answered} answers")
        return found[number]

    def _settle(self, writer: Writer, takeover: Takeover, why: str) -> EventType:
        """Write down how a takeover went, of which that is not known, by looking at what serves."""
        try:
            self._serving(takeover.version)
            entry = PromotionEvent(_now(), EventType.SERVES, takeover)
        except FmnistError:
            entry = PromotionEvent(_now(), EventType.FAILED, takeover, why)
        writer.append(entry)
        return entry.event

    def _noticed(self, writer: Writer) -> tuple[str, ...]:
        """Bring the log and what serves together; what had to be said about it."""
        if pending := writer.history.pending:
            event = self._settle(writer, pending, "it was interrupted before the version served")
            if event is EventType.FAILED:
                self._give_back(writer.history.champion)
            return (
                f"{pending.who}'s promotion of version {pending.version} was interrupted; "
                f"now written down: {event}",
            )
        champion = writer.history.champion
        others = [one for one in self.platform.deployments() if one.weight]
        if champion and others and champion.version not in [one.version for one in others]:
            return (
                f"version {others[0].version} served, but not by promotion; "
                f"the log's champion is version {champion.version}",
            )
        return ()

    def _give_back(self, champion: Tenure | None) -> None:
        """Let the log's champion serve again, if it still runs, instead of one that was not seen to."""
        if champion and champion.version in [one.version for one in self.platform.deployments()]:
            with suppress(FmnistError):
                self.platform.set_weights({champion.version: 100})

    def _end_of(self, before: Tenure | None, planned: TenureOutcome) -> TenureOutcome | None:
        """How the champion ends: one that died did not serve well, whatever takes its place."""
        if before is None:
            return None
        dead = any(
            one.version == before.version and one.weight and not one.ready
            for one in self.platform.deployments()
        )
        return TenureOutcome.FAILED if dead else planned

    def _mirrored(self, number: int) -> tuple[str, ...]:
        """Set the registry's own sign of the champion, which nothing here relies on."""
        try:
            found = self.registry.set_champion(self.log.model, number)
        except FmnistError as error:
            return (f"the registry's champion was not set: {error}; promote version {number} again",)
        if found != number:
            return (
                f"the registry calls version {found} champion, not {number}: someone else set it in between",
            )
        return ()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
