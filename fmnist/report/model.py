"""Content of a report: every version of a model with its verdict, evidence and history."""

from dataclasses import dataclass

from fmnist.catalogue.promotions import Tenure, status
from fmnist.gate.evidence import Evidence, SampleError
from fmnist.gate.verdict import GateResult, Rule
from fmnist.registry.base import ModelVersion, UnusableVersion


@dataclass(frozen=True)
class Picture:
    """A misclassified test image; ``pixels`` are 784 bytes (28x28 uint8), None if not available."""

    error: SampleError
    pixels: bytes | None


@dataclass(frozen=True)
class VersionEntry:
    """One version of the model.

    Attributes:
        result: None if it was not tested, or if its verdict is broken.
        evidence: None without a result, or if it cannot be read.
        pictures: the most confident errors.
        troubles: what could not be read, for people.
        tenures: the times that it was champion, oldest first.
        kept: false if the result is a merge request's, which is not kept with the version.
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
        """``passed``, ``overridden``, ``refused``, ``not tested`` or ``unreadable``."""
        if self.result is None:
            return "unreadable" if self.troubles else "not tested"
        return self.result.status

    @property
    def serving(self) -> str:
        """See ``fmnist.catalogue.promotions.status``."""
        return status(self.tenures)

    @property
    def badges(self) -> tuple[str, ...]:
        """The status, then words for its place as champion, synthetic data, and missing parts."""
        marks = {
            self.serving: bool(self.serving),
            "synthetic": self.synthetic,
            "incomplete": bool(self.result and self.troubles),
        }
        return (self.status, *(word for word, holds in marks.items() if holds))

    @property
    def broken(self) -> tuple[Rule, ...]:
        """The rules that it breaks."""
        return self.result.verdict.broken if self.result else ()

    @property
    def accuracy(self) -> Rule | None:
        """The rule about accuracy."""
        rules = self.result.verdict.rules if self.result else ()
        return next((rule for rule in rules if rule.name == "accuracy"), None)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences for people on the circumstances of the verdict."""
        remarks = []
        if not self.kept:
            remarks.append("Judged for a merge request: this verdict is not kept with the version.")
        if self.tenures and self.status == "refused":
            remarks.append(f"Refused after it served; now: {self.serving}.")
        return tuple(remarks)

    @property
    def synthetic(self) -> bool:
        """Whether it was trained or tested on synthetic images."""
        trained_on = self.version.metadata.provenance.train_data.origin
        return trained_on == "synthetic" or (self.result is not None and self.result.synthetic)


@dataclass(frozen=True)
class ModelReport:
    """All versions of a model.

    Attributes:
        made: ISO 8601, UTC.
        entries: newest version first.
        subject: number of the version that the report is about: the one just tested, else the newest.
        unusable: versions that cannot be used, with the reason.
    """

    model: str
    made: str
    entries: tuple[VersionEntry, ...]
    subject: int
    classes: tuple[str, ...]
    unusable: tuple[UnusableVersion, ...] = ()

    @property
    def entry(self) -> VersionEntry:
        """The entry of the subject."""
        return next(entry for entry in self.entries if entry.version.number == self.subject)
