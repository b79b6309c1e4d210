"""The ``ModelRegistry`` port on Determined's registry."""

import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from determined.common.api import bindings
from determined.common.api._util import read_paginated
from determined.common.api.errors import NotFoundException

from fmnist.clients.determined import Session, errors_mapped, log_in
from fmnist.core.bundle import Bundle
from fmnist.errors import ConfigError, IntegrityError, NotFoundError, UnavailableError
from fmnist.experiments.determined.download import opened
from fmnist.files.lock import only_writer
from fmnist.registry.base import (
    CHAMPION,
    PROMOTED,
    Champions,
    ModelVersion,
    ReadVersions,
    UnusableVersion,
    champions_of,
    check_annotation,
    of_bundle,
    read_or_reason,
)
from fmnist.registry.bundle_files import copy_bundle
from fmnist.registry.determined.checkpoints import Checkpoints, copied
from fmnist.registry.determined.records import Record, check_name, is_name, notes, values_of
from fmnist.settings import Settings

_LONGEST = 1_000_000
_LOCK_SECONDS = 120.0
_DESCRIPTION = "Fashion-MNIST classifier; each version holds a bundle of Keras model, ONNX model and metadata"


class DeterminedRegistry(ReadVersions):
    """Model versions at a master. Nothing is asked there before first use.

    Writers on one machine wait for each other; those on several see when another one was quicker.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.determined is None:
            raise ConfigError("set DET_MASTER, DET_USER and DET_PASS to use Determined's registry")
        self._login = settings.determined
        self._storage = settings.checkpoint_storage
        self._lock = settings.home / "determined.lock"
        self._told: dict[str, Mapping[str, Any]] = {}
        """What bundles of versions that were registered by hand say, by checkpoint: none is read twice."""

    @cached_property
    def _session(self) -> Session:
        return log_in(self._login)

    @cached_property
    def _checkpoints(self) -> Checkpoints:
        return Checkpoints(self._session, self._storage)

    def register(self, model: str, bundle: Bundle) -> ModelVersion:
        check_name(model)
        with only_writer(self._lock, _LOCK_SECONDS, f"model {model}"):
            existing = of_bundle(self.versions(model), bundle.sha256)
            if existing:
                self._checkpoints.heal(self._record(model, existing.number).checkpoint, bundle)
                return existing
            with copied(bundle) as whole:
                checkpoint = self._checkpoints.of_trial(whole) or self._checkpoints.keep(whole)
                return self._create(model, whole, checkpoint)

    def get(self, model: str, number: int | None = None) -> ModelVersion:
        version = self._latest(model) if number is None else self._read(self._record(model, number))
        if version is None:
            raise NotFoundError(self._what_exists(model, number))
        return version

    def complete(self, model: str, number: int) -> ModelVersion:
        with only_writer(self._lock, _LOCK_SECONDS, f"model {model}"):
            record = self._record(model, number)
            with opened(self._session, record.checkpoint, record.bundle_sha256) as bundle:
                values = record.with_values(values_of(bundle, record.checkpoint)).values
                body = bindings.v1PatchModelVersion(metadata=dict(values))
                if not self._notes(record):
                    body.notes = notes(bundle)
                self._write(model, number, body)
        return self.get(model, number)

    def annotate(self, version: ModelVersion, key: str, value: str) -> ModelVersion:
        check_annotation(key, value, _LONGEST)
        return self._read(self._change(version, lambda record: {**record.values, key: value}))

    def attach(self, version: ModelVersion, content: bytes) -> str:
        self._change(version, lambda record: record.with_attachment(content))
        return hashlib.sha256(content).hexdigest()

    def attachment(self, version: ModelVersion, sha256: str) -> bytes:
        return self._record(version.model, version.number).attachment(sha256)

    def set_champion(self, model: str, number: int) -> int:
        version = self.annotate(self.get(model, number), PROMOTED, "true")
        chosen = {
            CHAMPION: number,
            "champion_bundle_sha256": version.bundle_sha256,
            "champion_data_commit": version.metadata.provenance.train_data.commit,
            **{f"champion_{name}": value for name, value in version.metadata.metrics.items()},
        }
        with only_writer(self._lock, _LOCK_SECONDS, f"model {model}"), self._errors():
            before = bindings.get_GetModel(self._session, modelName=model).model.metadata
            kept = {key: value for key, value in before.items() if not key.startswith(CHAMPION)}
            body = bindings.v1PatchModel(metadata={**kept, **chosen})
            bindings.patch_PatchModel(self._session, body=body, modelName=model)
            after = bindings.get_GetModel(self._session, modelName=model).model.metadata
        if CHAMPION not in after:
            raise UnavailableError(f"model {model}: its metadata was replaced as champion was set; try again")
        return int(after[CHAMPION])

    def champions(self, model: str) -> Champions:
        if not is_name(model):
            return Champions()
        with self._errors():
            try:
                metadata = bindings.get_GetModel(self._session, modelName=model).model.metadata or {}
            except NotFoundException:
                return Champions()
        number = metadata.get(CHAMPION)
        try:
            current = None if number is None else self.get(model, int(number))
        except (TypeError, ValueError) as error:
            raise IntegrityError(
                f"model {model}: its metadata name {number!r:.80} as champion, which is no version"
            ) from error
        return champions_of(self.versions(model), current)

    def download(self, version: ModelVersion, folder: Path) -> Bundle:
        record = self._record(version.model, version.number)
        with opened(self._session, record.checkpoint, version.bundle_sha256) as stored:
            return copy_bundle(stored, folder)

    def _change(self, version: ModelVersion, changed: Callable[[Record], Mapping[str, Any]]) -> Record:
        """Write the version's values; another writer may have read the old ones and write last.

        Raises:
            UnavailableError: that happened.
        """
        with only_writer(self._lock, _LOCK_SECONDS, f"model {version.model}"):
            wanted = changed(self._record(version.model, version.number))
            body = bindings.v1PatchModelVersion(metadata=dict(wanted))
            self._write(version.model, version.number, body)
            written = self._record(version.model, version.number)
        if dict(written.values) != dict(wanted):
            raise UnavailableError(
                f"{written.name}: someone else wrote its metadata at the same moment; try again"
            )
        return written

    def _write(self, model: str, number: int, body: bindings.v1PatchModelVersion) -> None:
        with self._errors():
            bindings.patch_PatchModelVersion(
                self._session, body=body, modelName=model, modelVersionNum=number
            )

    def _read(self, record: Record) -> ModelVersion:
        """The version; of one that was registered by hand, its bundle says the rest."""
        if record.bundle_sha256:
            return record.version()
        uuid = record.checkpoint.uuid
        if uuid not in self._told:
            with opened(self._session, record.checkpoint) as bundle:
                self._told[uuid] = values_of(bundle, record.checkpoint)
        return record.with_values(self._told[uuid]).version()

    def entries(self, model: str) -> list[ModelVersion | UnusableVersion]:
        return [
            read_or_reason(partial(self._read, record), model, record.number, record.time)
            for record in self._records(model)
        ]

    def _notes(self, record: Record) -> str:
        with self._errors():
            entity = bindings.get_GetModelVersion(
                self._session, modelName=record.model, modelVersionNum=record.number
            ).modelVersion
        return entity.notes or ""

    def _create(self, model: str, bundle: Bundle, checkpoint: bindings.v1Checkpoint) -> ModelVersion:
        self._ensure(model)
        body = bindings.v1PostModelVersionRequest(
            checkpointUuid=checkpoint.uuid,
            modelName=model,
            comment=f"accuracy {bundle.metadata.metrics.get('accuracy', 0):.4f} on the validation images",
            notes=notes(bundle),
            labels=[bundle.metadata.provenance.train_data.origin],
            metadata=values_of(bundle, checkpoint),
        )
        with self._errors():
            made = bindings.post_PostModelVersion(self._session, body=body, modelName=model).modelVersion
        return self._first(model, Record.read(made), bundle.sha256)

    def _first(self, model: str, made: Record, sha256: str) -> ModelVersion:
        """Of two writers that registered one bundle at once, the later one takes its version back."""
        same = [record for record in self._records(model) if record.values.get("bundle_sha256") == sha256]
        first = min(same, key=lambda record: record.number, default=made)
        if first.number < made.number:
            with self._errors():
                bindings.delete_DeleteModelVersion(
                    self._session, modelName=model, modelVersionNum=made.number
                )
        return first.version()

    def _ensure(self, model: str) -> None:
        body = bindings.v1PostModelRequest(name=model, description=_DESCRIPTION)
        with self._errors():
            try:
                bindings.get_GetModel(self._session, modelName=model)
            except NotFoundException:
                bindings.post_PostModel(self._session, body=body)

    def _records(self, model: str) -> list[Record]:
        """All versions, newest first; empty if the model is unknown."""
        if not is_name(model):
            return []

        def page(offset: int) -> bindings.v1GetModelVersionsResponse:
            return bindings.get_GetModelVersions(
                self._session, modelName=model, offset=offset, orderBy=bindings.v1OrderBy.DESC
            )

        with self._errors():
            try:
                pages = list(read_paginated(page))
            except NotFoundException:
                return []
        return [Record.read(entity) for answer in pages for entity in answer.modelVersions]

    def _record(self, model: str, number: int) -> Record:
        for record in self._records(model):
            if record.number == number:
                return record
        raise NotFoundError(self._what_exists(model, number))

    def _what_exists(self, model: str, number: int | None) -> str:
        numbers = sorted(record.number for record in self._records(model))
        if numbers:
            return f"model {model} has no version {number}; it has {', '.join(map(str, numbers))}"
        with self._errors():
            names = sorted(entity.name for entity in bindings.get_GetModels(self._session).models)
        return f"no model {model} in the registry; there are: {', '.join(names) or 'none'}"

    def _errors(self) -> Any:
        return errors_mapped(self._session.master)
