"""Collect a report from registry and data store; what is broken is told in it, not raised."""

import json
from datetime import datetime

from fmnist.bundle import DataReference
from fmnist.data.base import DataStore
from fmnist.errors import FmnistError, IntegrityError, NotFoundError
from fmnist.fashion_mnist import CLASSES
from fmnist.gate.data import read_test_data
from fmnist.gate.evidence import Evidence, SampleError
from fmnist.gate.result import GateResult, gate_result
from fmnist.registry.base import ModelRegistry, ModelVersion
from fmnist.report.model import Entry, Picture, Report


def gather(
    registry: ModelRegistry, store: DataStore, model: str, now: datetime, subject: int | None = None
) -> Report:
    """All versions of ``model`` with their verdicts, evidence and pictures.

    Raises:
        NotFoundError: there is no such model or version.
        UnavailableError: the registry cannot be reached.
    """
    chosen = registry.get(model, subject)
    pictures = _Pictures(store)
    return Report(
        model=model,
        made=now.isoformat(timespec="seconds"),
        entries=tuple(_entry(registry, version, pictures) for version in registry.versions(model)),
        subject=chosen.number,
        classes=CLASSES,
    )


class _Pictures:
    """Images of the test data, which is read once for each commit."""

    def __init__(self, store: DataStore) -> None:
        self._store = store
        self._images: dict[str, list[bytes]] = {}

    def of(self, data: DataReference, errors: tuple[SampleError, ...]) -> tuple[Picture, ...]:
        """Raises FmnistError if they cannot be had."""
        images = self._read(data)
        if outside := [error.index for error in errors if not 0 <= error.index < len(images)]:
            raise NotFoundError(f"{data.repo}@{data.commit}: has no images {outside}")
        return tuple(Picture(error, images[error.index]) for error in errors)

    def _read(self, data: DataReference) -> list[bytes]:
        if data.commit not in self._images:
            dataset = read_test_data(self._store, self._store.get(data.repo, data.commit))
            self._images[data.commit] = [image.tobytes() for image in dataset.images]
        return self._images[data.commit]


def _entry(registry: ModelRegistry, version: ModelVersion, pictures: _Pictures) -> Entry:
    try:
        result = gate_result(version)
    except FmnistError as error:
        return Entry(version, None, None, (), (str(error),))
    if result is None:
        return Entry(version, None, None, (), ())
    try:
        evidence = _evidence(registry, version, result)
    except FmnistError as error:
        return Entry(version, result, None, (), (f"the gate's evidence cannot be read: {error}",))
    try:
        return Entry(version, result, evidence, pictures.of(result.test_data, evidence.errors), ())
    except FmnistError as error:
        unseen = tuple(Picture(sample, None) for sample in evidence.errors)
        return Entry(version, result, evidence, unseen, (f"the test images cannot be shown: {error}",))


def _evidence(registry: ModelRegistry, version: ModelVersion, result: GateResult) -> Evidence:
    where = f"version {version.number} of {version.model}, evidence {result.evidence_sha256}"
    content = registry.attachment(version, result.evidence_sha256)
    try:
        raw = json.loads(content)
    except ValueError as error:
        raise IntegrityError(f"{where}: is no JSON ({error}); run the gate again") from error
    return Evidence.from_document(raw, where)
