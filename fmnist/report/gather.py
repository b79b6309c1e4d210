"""Collect a report from registry and data store; broken parts are reported in it, not raised."""

from dataclasses import dataclass, replace
from datetime import datetime

from fmnist.catalogue.promotions import History
from fmnist.core.fashion_mnist import CLASSES
from fmnist.core.provenance import DataReference
from fmnist.data.base import DataStore
from fmnist.errors import FmnistError, NotFoundError
from fmnist.gate.evidence import Evidence, SampleError, read_evidence
from fmnist.gate.gate import GateRun
from fmnist.gate.test_data import read_test_data
from fmnist.gate.verdict import GateResult, gate_result
from fmnist.registry.base import ModelRegistry, ModelVersion, UnusableVersion
from fmnist.report.model import ModelReport, Picture, VersionEntry


def gather(
    registry: ModelRegistry,
    store: DataStore,
    history: History,
    model: str,
    now: datetime,
    subject: int | None = None,
    tested: GateRun | None = None,
) -> ModelReport:
    """All versions of ``model`` with their verdicts, evidence and pictures.

    ``tested`` is a fresh result of the gate for one version, which is then the subject: it is shown
    instead of the verdict that is kept with the version.

    Raises:
        NotFoundError: there is no such model or version.
        UnavailableError: the registry cannot be reached.
    """
    chosen = tested.version if tested else registry.get(model, subject)
    reader = _EntryReader(registry, _Pictures(store), history, tested)
    versions = registry.entries(model)
    return ModelReport(
        model=model,
        made=now.isoformat(timespec="seconds"),
        entries=tuple(reader.entry(version) for version in versions if isinstance(version, ModelVersion)),
        subject=chosen.number,
        classes=CLASSES,
        unusable=tuple(version for version in versions if isinstance(version, UnusableVersion)),
    )


class _Pictures:
    """Images of the test data, which is read once for each commit."""

    def __init__(self, store: DataStore) -> None:
        self._store = store
        self._images: dict[str, list[bytes]] = {}

    def of(self, data: DataReference, errors: tuple[SampleError, ...]) -> tuple[Picture, ...]:
        """Raises FmnistError if they are not available."""
        images = self._read(data)
        if outside := [error.index for error in errors if not 0 <= error.index < len(images)]:
            raise NotFoundError(f"{data.repo}@{data.commit}: has no images {outside}")
        return tuple(Picture(error, images[error.index]) for error in errors)

    def _read(self, data: DataReference) -> list[bytes]:
        if data.commit not in self._images:
            dataset = read_test_data(self._store, self._store.get(data.repo, data.commit))
            self._images[data.commit] = [image.tobytes() for image in dataset.images]
        return self._images[data.commit]


@dataclass(frozen=True)
class _EntryReader:
    """Reads what the engines know of a version."""

    registry: ModelRegistry
    pictures: _Pictures
    history: History
    tested: GateRun | None

    def entry(self, version: ModelVersion) -> VersionEntry:
        tested = self.tested
        if tested and tested.version.number == version.number:
            fresh = self._illustrated(tested.version, tested.result, tested.evidence)
            entry = replace(fresh, kept=tested.saved)
        else:
            entry = self._kept(version)
        return replace(entry, tenures=self.history.of(version.bundle_sha256))

    def _kept(self, version: ModelVersion) -> VersionEntry:
        try:
            result = gate_result(version)
        except FmnistError as error:
            return VersionEntry(version, None, None, (), (str(error),))
        if result is None:
            return VersionEntry(version, None, None, (), ())
        try:
            evidence = read_evidence(self.registry, version, result.evidence_sha256)
        except FmnistError as error:
            return VersionEntry(version, result, None, (), (f"the gate's evidence cannot be read: {error}",))
        return self._illustrated(version, result, evidence)

    def _illustrated(self, version: ModelVersion, result: GateResult, evidence: Evidence) -> VersionEntry:
        try:
            pictures = self.pictures.of(result.test_data, evidence.errors)
        except FmnistError as error:
            unseen = tuple(Picture(sample, None) for sample in evidence.errors)
            return VersionEntry(
                version, result, evidence, unseen, (f"the test images cannot be shown: {error}",)
            )
        return VersionEntry(version, result, evidence, pictures, ())
