"""MLflow's registry as model registry: SQLite in the home folder, or Postgres by address.

MLflow keeps the numbers and tags. The bundles lie beside, in ``artifacts/models/<model>/<digest>``,
because MLflow does not copy a folder that is registered by its path.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist.clients.mlflow import errors_mapped, open_client
from fmnist.core.bundle import METADATA_FILE, Bundle, open_bundle, parse_metadata
from fmnist.core.names import check_model_name, is_model_name
from fmnist.errors import InputError, IntegrityError, NotFoundError, UnavailableError
from fmnist.files.atomic import write_atomically
from fmnist.files.lock import only_writer
from fmnist.registry.base import (
    ANNOTATION,
    CHAMPION,
    PROMOTED,
    SHA256,
    Champions,
    ModelVersion,
    ReadVersions,
    UnusableVersion,
    champions_of,
    check_annotation,
    of_bundle,
    read_or_reason,
)
from fmnist.registry.bundle_files import copy_bundle, open_stored
from fmnist.registry.mlflow.tables import RegistryTables, VersionRow
from fmnist.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

_LONGEST_TAG = 100_000
_LOCK_SECONDS = 120.0


class MlflowRegistry(ReadVersions):
    """Model versions in MLflow's registry. MLflow is imported by the first write, and never to read."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bundles = settings.artifacts / "models"
        self._tables = RegistryTables(settings.tracking_uri)

    @cached_property
    def _client(self) -> "MlflowClient":
        return open_client(self._settings)

    def register(self, model: str, bundle: Bundle) -> ModelVersion:
        folder = self._folder(model, bundle.sha256)
        with self._writing(model):
            self._store(bundle, folder)
            return of_bundle(self.versions(model), bundle.sha256) or self._create(model, bundle, folder)

    def get(self, model: str, number: int | None = None) -> ModelVersion:
        if number is None:
            version = self._latest(model)
        else:
            version = next(map(self._version, self._rows(model, number)), None)
        if version is None:
            raise NotFoundError(self._what_exists(model, number))
        return version

    def complete(self, model: str, number: int) -> ModelVersion:
        if not (rows := self._rows(model, number)):
            raise NotFoundError(self._what_exists(model, number))
        bundle = self._bundle_of(rows[0])
        with self._writing(model):
            self._store(bundle, self._folder(model, bundle.sha256))
            for key, value in _tags(bundle).items():
                if key in ("bundle_sha256", "metadata") or key not in rows[0].tags:
                    self._client.set_model_version_tag(model, str(number), key, value)
        return self.get(model, number)

    def annotate(self, version: ModelVersion, key: str, value: str) -> ModelVersion:
        check_annotation(key, value, _LONGEST_TAG)
        self.get(version.model, version.number)
        try:
            self._set_tag(version, key, value)
        except UnavailableError:
            # Of two who write a new tag at once, MLflow lets the later fail; then it is a tag to change.
            self._set_tag(version, key, value)
        return self.get(version.model, version.number)

    def _set_tag(self, version: ModelVersion, key: str, value: str) -> None:
        with errors_mapped(self._settings.tracking_uri):
            self._client.set_model_version_tag(version.model, str(version.number), key, value)

    def attach(self, version: ModelVersion, content: bytes) -> str:
        self.get(version.model, version.number)
        sha256 = hashlib.sha256(content).hexdigest()
        write_atomically(self._attachments(version) / sha256, content)
        return sha256

    def attachment(self, version: ModelVersion, sha256: str) -> bytes:
        path = self._attachments(version) / sha256
        if not SHA256.fullmatch(sha256) or not path.is_file():
            raise NotFoundError(f"version {version.number} of {version.model}: nothing attached as {sha256}")
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise IntegrityError(f"{path}: is not what was attached; its SHA-256 differs from its name")
        return content

    def set_champion(self, model: str, number: int) -> int:
        self.annotate(self.get(model, number), PROMOTED, "true")
        with errors_mapped(self._settings.tracking_uri):
            self._client.set_registered_model_alias(model, CHAMPION, str(number))
        found = self._tables.alias(model, CHAMPION)
        if found is None:
            raise UnavailableError(f"model {model}: its alias {CHAMPION} was removed as it was set")
        return found

    def champions(self, model: str) -> Champions:
        number = self._tables.alias(model, CHAMPION)
        return champions_of(self.versions(model), self.get(model, number) if number else None)

    def download(self, version: ModelVersion, folder: Path) -> Bundle:
        stored = open_stored(self._folder(version.model, version.bundle_sha256), version.bundle_sha256)
        return copy_bundle(stored, folder)

    def _folder(self, model: str, sha256: str) -> Path:
        check_model_name(model)
        return self._bundles / model / sha256

    def _attachments(self, version: ModelVersion) -> Path:
        """Beside the bundle's folder, not in it: registering again replaces that whole."""
        bundle = self._folder(version.model, version.bundle_sha256)
        return bundle.with_name(f"{bundle.name}.attachments")

    @contextmanager
    def _writing(self, model: str) -> Iterator[None]:
        lock = only_writer(self._bundles / ".lock", _LOCK_SECONDS, f"model {model}")
        with lock, errors_mapped(self._settings.tracking_uri):
            yield

    def _store(self, bundle: Bundle, folder: Path) -> None:
        try:
            open_stored(folder, bundle.sha256)
        except IntegrityError:
            copy_bundle(bundle, folder)

    def _create(self, model: str, bundle: Bundle, folder: Path) -> ModelVersion:
        client = self._client
        from mlflow.exceptions import MlflowException

        try:
            client.get_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            client.create_registered_model(model)
        made = client.create_model_version(
            model,
            source=str(folder),
            run_id=bundle.metadata.provenance.run,
            tags=_tags(bundle),
            await_creation_for=0,
        )
        return self.get(model, int(made.version))

    def _rows(self, model: str, number: int | None = None) -> list[VersionRow]:
        return self._tables.versions(model, number) if is_model_name(model) else []

    def entries(self, model: str) -> list[ModelVersion | UnusableVersion]:
        return [
            read_or_reason(partial(self._version, row), model, row.number, _time(row))
            for row in self._rows(model)
        ]

    def _version(self, row: VersionRow) -> ModelVersion:
        sha256, text = row.tags.get("bundle_sha256"), row.tags.get("metadata")
        if sha256 is None:
            raise IntegrityError(
                f"{row.name}: was not registered by fmnist models register, so it has no bundle; "
                f"fmnist models complete {row.number} takes one from {row.source or 'its source'}"
            )
        if not SHA256.fullmatch(sha256):
            raise IntegrityError(f"{row.name}: its tag bundle_sha256 is no SHA-256: {sha256[:80]!r}")
        if text is None:
            text = _metadata_text(open_stored(self._folder(row.model, sha256), sha256))
        elif hashlib.sha256(text.encode()).hexdigest() != sha256:
            raise IntegrityError(
                f"{row.name}: the tag metadata is not the {METADATA_FILE} that was registered; "
                f"fmnist models complete {row.number} writes it again"
            )
        return ModelVersion(
            model=row.model,
            number=row.number,
            created=_time(row),
            bundle_sha256=sha256,
            metadata=parse_metadata(text, row.name),
            annotations={key: value for key, value in row.tags.items() if ANNOTATION.fullmatch(key)},
        )

    def _bundle_of(self, row: VersionRow) -> Bundle:
        """The bundle that is stored for the version, else the one in the folder that is its source."""
        sha256 = row.tags.get("bundle_sha256", "")
        if SHA256.fullmatch(sha256):
            return open_stored(self._folder(row.model, sha256), sha256)
        try:
            return open_bundle(Path(row.source.removeprefix("file://")))
        except NotFoundError as error:
            raise InputError(f"{row.name}: {error}") from error

    def _what_exists(self, model: str, number: int | None) -> str:
        if self._tables.is_absent:
            return f"{self._settings.tracking_uri}: no model registry yet; train and register a model first"
        if numbers := sorted(row.number for row in self._rows(model)):
            return f"model {model} has no version {number}; it has {', '.join(map(str, numbers))}"
        return f"no model {model} in the registry; there are: {', '.join(self._tables.models()) or 'none'}"


def _time(row: VersionRow) -> str:
    return datetime.fromtimestamp(row.created / 1000, UTC).isoformat(timespec="seconds")


def _tags(bundle: Bundle) -> dict[str, str]:
    """Tags of a new version; ``bundle_sha256`` and ``metadata`` are read back, the others are for people."""
    tags = {"bundle_sha256": bundle.sha256, **bundle.metadata.provenance.fields()}
    text = _metadata_text(bundle)
    return tags if len(text) > _LONGEST_TAG else {**tags, "metadata": text}


def _metadata_text(bundle: Bundle) -> str:
    return (bundle.folder / METADATA_FILE).read_bytes().decode()
