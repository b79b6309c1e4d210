"""What a report is made of: every version of a model with what is known of it."""

from dataclasses import dataclass

from fmnist.catalogue.history import Tenure, status
from fmnist.gate.evidence import Evidence, SampleError
from fmnist.gate.result import GateResult
from fmnist.registry.base import ModelVersion


@dataclass(frozen=True)
class Picture:
    """A test image that was named wrong; ``pixels`` are 784 bytes (28x28 uint8), None if not to be had."""

    error: SampleError
    pixels: bytes | None


@dataclass(frozen=True)
class Entry:
    """One version. ``result`` is None if it was never tested, or if what it carries is broken;
    ``troubles`` tell what could not be read, for people. ``tenures`` are the times that it served,
    oldest first. ``kept`` is false where the result is a merge request's, which the version does not carry.
    """

    version: ModelVersion
    result: GateResult | None
    evidence: Evidence | None
    pictures: tuple[Picture, ...]
    troubles: tuple[str, ...]
    tenures: tuple[Tenure, ...] = ()
    kept: bool = True

    @property
    def status(self) -> str:
        """``passed``, ``forced``, ``refused``, ``not tested`` or ``unreadable``."""
        if self.result is None:
            return "unreadable" if self.troubles else "not tested"
        if self.result.forced:
            return "forced"
        return "passed" if self.result.passed else "refused"

    @property
    def serving(self) -> str:
        """See ``fmnist.catalogue.history.status``."""
        return status(self.tenures)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the verdict alone does not tell, each for people."""
        said = []
        if not self.kept:
            said.append("Judged for a merge request: the version does not carry this verdict.")
        if self.tenures and self.status == "refused":
            said.append(f"Refused after it served; now: {self.serving}.")
        return tuple(said)

    @property
    def synthetic(self) -> bool:
        """Whether trained or tested on drawn images."""
        trained_on = self.version.metadata.provenance.train_data.origin
        return trained_on == "synthetic" or (self.result is not None and self.result.synthetic)


@dataclass(frozen=True)
class Report:
    """All versions of ``model``, newest first; ``made`` is ISO 8601 in UTC.

    ``subject`` is the version that the report was made for: the one just tested, else the newest.
    """

    model: str
    made: str
    entries: tuple[Entry, ...]
    subject: int
    classes: tuple[str, ...]

    @property
    def entry(self) -> Entry:
        """The subject's."""
        return next(entry for entry in self.entries if entry.version.number == self.subject)
