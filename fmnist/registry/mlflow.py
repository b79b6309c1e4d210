"""MLflow's registry as model registry: SQLite in the home folder, or Postgres by address.

MLflow keeps the numbers and tags. The bundles lie beside, in ``artifacts/models/<model>/<sum>``,
because MLflow does not copy a folder that is registered by its path.
"""

import hashlib
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist.clients.mlflow import errors_mapped, open_client
from fmnist.core.bundle import METADATA_FILE, Bundle, parse_metadata
from fmnist.core.names import check_model_name, is_model_name
from fmnist.errors import InputError, IntegrityError, NotFoundError, UnavailableError
from fmnist.files.atomic import write_atomically
from fmnist.files.lock import only_writer
from fmnist.registry.base import ANNOTATION, CHAMPION, SHA256, ModelVersion
from fmnist.registry.copies import copy_bundle, open_stored
from fmnist.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion as Entity

_LONGEST_TAG = 100_000
_PAGE = 100
_LOCK_SECONDS = 120.0


class MlflowRegistry:
    """Model versions in MLflow's registry. Nothing is opened, nor MLflow imported, before first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bundles = settings.artifacts / "models"

    @cached_property
    def _client(self) -> "MlflowClient":
        return open_client(self._settings)

    def register(self, model: str, bundle: Bundle) -> ModelVersion:
        folder = self._folder(model, bundle.sha256)
        lock = only_writer(self._bundles / ".lock", _LOCK_SECONDS, f"model {model}")
        with lock, errors_mapped(self._settings.tracking_uri):
            try:
                open_stored(folder, bundle.sha256)
            except IntegrityError:
                copy_bundle(bundle, folder)
            return self._existing(model, bundle.sha256) or self._create(model, bundle, folder)

    def get(self, model: str, number: int | None = None) -> ModelVersion:
        found = self._search(model, "" if number is None else f"version_number = {number}", limit=1)
        if not found:
            raise NotFoundError(self._what_exists(model, number))
        return found[0]

    def versions(self, model: str) -> list[ModelVersion]:
        return self._search(model)

    def annotate(self, version: ModelVersion, key: str, value: str) -> ModelVersion:
        if not ANNOTATION.fullmatch(key):
            raise InputError(f"annotation {key!r}: expected a key like fmnist.gate")
        if len(value) > _LONGEST_TAG:
            raise InputError(f"annotation {key}: {len(value)} characters, at most {_LONGEST_TAG} can be kept")
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
        self.get(model, number)
        with errors_mapped(self._settings.tracking_uri):
            self._client.set_registered_model_alias(model, CHAMPION, str(number))
            found = self._client.get_registered_model(model).aliases.get(CHAMPION)
        if found is None:
            raise UnavailableError(f"model {model}: its alias {CHAMPION} was removed as it was set")
        return int(found)

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

    def _existing(self, model: str, sha256: str) -> ModelVersion | None:
        found = self._search(model, f"tags.bundle_sha256 = '{sha256}'", limit=1)
        return found[0] if found else None

    def _create(self, model: str, bundle: Bundle, folder: Path) -> ModelVersion:
        client = self._client
        from mlflow.exceptions import MlflowException

        try:
            client.get_registered_model(model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            client.create_registered_model(model)
        entity = client.create_model_version(
            model,
            source=str(folder),
            run_id=bundle.metadata.provenance.run,
            tags=_tags(bundle),
            await_creation_for=0,
        )
        return self._version(entity)

    def _search(self, model: str, condition: str = "", limit: int = 0) -> list[ModelVersion]:
        """The versions that fulfil ``condition``, newest first; ``limit`` of them, or all if it is 0."""
        if self._is_absent() or not is_model_name(model):
            return []
        wanted = f"name = '{model}'" + (f" and {condition}" if condition else "")
        found: list[ModelVersion] = []
        token: str | None = None
        with errors_mapped(self._settings.tracking_uri):
            while True:
                page = self._client.search_model_versions(
                    wanted, limit or _PAGE, order_by=["version_number DESC"], page_token=token
                )
                found += [self._version(entity) for entity in page]
                token = page.token
                if not token or 0 < limit <= len(found):
                    return found

    def _is_absent(self) -> bool:
        """Whether reading would have to make the database first: a look must leave nothing behind."""
        path = self._settings.tracking_uri.removeprefix("sqlite:///")
        return path != self._settings.tracking_uri and not Path(path).exists()

    def _version(self, entity: "Entity") -> ModelVersion:
        name = f"version {entity.version} of {entity.name}"
        sha256 = entity.tags.get("bundle_sha256")
        if sha256 is None:
            raise IntegrityError(f"{name}: was not registered by fmnist models register, so it has no bundle")
        text = entity.tags.get("metadata")
        if text is None:
            text = _metadata_text(open_stored(self._folder(entity.name, sha256), sha256))
        elif hashlib.sha256(text.encode()).hexdigest() != sha256:
            raise IntegrityError(f"{name}: the tag metadata is not the {METADATA_FILE} that was registered")
        created = datetime.fromtimestamp(entity.creation_timestamp / 1000, UTC)
        return ModelVersion(
            model=entity.name,
            number=int(entity.version),
            created=created.isoformat(timespec="seconds"),
            bundle_sha256=sha256,
            metadata=parse_metadata(text, name),
            annotations={key: value for key, value in entity.tags.items() if ANNOTATION.fullmatch(key)},
        )

    def _what_exists(self, model: str, number: int | None) -> str:
        if self._is_absent():
            return f"{self._settings.tracking_uri}: no model registry yet; train and register a model first"
        numbers = [version.number for version in self.versions(model)]
        if numbers:
            return f"model {model} has no version {number}; it has {', '.join(map(str, sorted(numbers)))}"
        with errors_mapped(self._settings.tracking_uri):
            names = sorted(entity.name for entity in self._client.search_registered_models())
        return f"no model {model} in the registry; there are: {', '.join(names) or 'none'}"


def _tags(bundle: Bundle) -> dict[str, str]:
    """Tags of a new version; ``bundle_sha256`` and ``metadata`` are read back, the others are for people."""
    tags = {"bundle_sha256": bundle.sha256, **bundle.metadata.provenance.fields()}
    text = _metadata_text(bundle)
    return tags if len(text) > _LONGEST_TAG else {**tags, "metadata": text}


def _metadata_text(bundle: Bundle) -> str:
    return (bundle.folder / METADATA_FILE).read_bytes().decode()
