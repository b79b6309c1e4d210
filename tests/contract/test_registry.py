"""What every model registry must do. An engine joins by a line in ``_ENGINES``.

Determined is one of this process, or a real one where DET_MASTER, DET_USER and DET_PASS are set.
"""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from fmnist import settings
from fmnist import wiring as engines
from fmnist.core.bundle import Bundle, open_bundle, write_metadata
from fmnist.errors import InputError, IntegrityError, NotFoundError
from fmnist.files.atomic import sha256_of
from fmnist.registry.base import Champions, ModelRegistry, ModelVersion, find
from tests.support.bundles import make_bundle
from tests.support.determined.versions import MASTER, alter_attachment, reachable_master, stored_file
from tests.support.homes import make_home


@dataclass(frozen=True)
class Engine:
    """A registry, and for tests that damage it: where a version's file is kept, and how an attachment
    is altered.
    """

    name: str
    registry: ModelRegistry
    stored: Callable[[ModelVersion, str], Path]
    alter: Callable[[ModelVersion, str], None]


def _mlflow(home: Path) -> Engine:
    own = settings.from_environment({"FMNIST_HOME": str(home)})
    bundles = own.artifacts / "models"

    def stored(version: ModelVersion, name: str) -> Path:
        return bundles / version.model / version.bundle_sha256 / name

    def alter(version: ModelVersion, sha256: str) -> None:
        (attached,) = (bundles / version.model).glob(f"*/{sha256}")
        attached.write_bytes(b"evidenca")

    return Engine("mlflow", engines.model_registry(own), stored, alter)


def _determined(home: Path) -> Engine:
    own = settings.from_environment({**os.environ, "FMNIST_HOME": str(home)})
    return Engine(
        "determined",
        engines.model_registry(own),
        lambda version, name: stored_file(own, version, name),
        lambda version, sha256: alter_attachment(own, version, sha256),
    )


_ENGINES: dict[str, Callable[[Path], Engine]] = {"mlflow": _mlflow, "determined": _determined}


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, id=name.replace("determined", MASTER)) for name in sorted(_ENGINES)],
)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One for all tests, each with a model name of its own, since making one takes seconds."""
    home = tmp_path_factory.mktemp("registry") / "home"
    if request.param == "mlflow":
        make_home(home)
        yield _mlflow(home)
        return
    with pytest.MonkeyPatch.context() as patch, reachable_master(home / "storage") as environment:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield _determined(home)


@pytest.fixture
def registry(engine: Engine) -> ModelRegistry:
    return engine.registry


@pytest.fixture
def model(request: pytest.FixtureRequest) -> str:
    """Its own for each test, and for each run against a master that outlives it."""
    return f"{re.sub('[^a-z0-9]+', '-', request.node.name)}{uuid4().hex[:8]}"


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return make_bundle(tmp_path / "bundle")


def test_numbers_start_at_one_and_go_up(registry: ModelRegistry, model: str, tmp_path: Path) -> None:
    numbers = [
        registry.register(model, make_bundle(tmp_path / str(seed), seed=seed)).number for seed in range(3)
    ]
    assert numbers == [1, 2, 3]
    assert [version.number for version in registry.versions(model)] == [3, 2, 1]


def test_a_version_carries_its_bundles_metadata(registry: ModelRegistry, model: str, bundle: Bundle) -> None:
    registered = registry.register(model, bundle)
    assert registered == registry.get(model, 1)
    assert registered.model == model
    assert registered.metadata == bundle.metadata
    assert registered.bundle_sha256 == bundle.sha256
    assert registered.annotations == {}
    assert registered.created.endswith("+00:00")


def test_the_same_bundle_again_is_the_same_version(
    registry: ModelRegistry, model: str, bundle: Bundle, tmp_path: Path
) -> None:
    first = registry.register(model, bundle)
    registry.register(model, make_bundle(tmp_path / "other", seed=1))
    assert registry.register(model, bundle) == first
    assert len(registry.versions(model)) == 2


def test_the_latest_is_the_highest_number(registry: ModelRegistry, model: str, tmp_path: Path) -> None:
    for seed in range(11):
        registry.register(model, make_bundle(tmp_path / str(seed), seed=seed))
    assert registry.get(model).number == 11
    assert registry.get(model, 2).number == 2


def test_the_copy_outlives_the_original(
    registry: ModelRegistry, model: str, bundle: Bundle, tmp_path: Path
) -> None:
    version = registry.register(model, bundle)
    sums = {path.name: sha256_of(path) for path in bundle.folder.iterdir()}
    shutil.rmtree(bundle.folder)
    out = registry.download(version, tmp_path / "out")
    assert {path.name: sha256_of(path) for path in out.folder.iterdir()} == sums
    assert (out.folder, out.sha256, out.metadata) == (tmp_path / "out", bundle.sha256, bundle.metadata)


def test_only_the_bundles_own_files_are_copied(
    registry: ModelRegistry, model: str, bundle: Bundle, tmp_path: Path
) -> None:
    (bundle.folder / "notes.txt").write_text("beside the bundle, not of it")
    out = registry.download(registry.register(model, bundle), tmp_path / "out")
    assert sorted(path.name for path in out.folder.iterdir()) == [
        "metadata.json",
        "model.keras",
        "model.onnx",
    ]


def test_a_bundle_changed_since_it_was_opened_is_refused(
    registry: ModelRegistry, model: str, bundle: Bundle
) -> None:
    bundle.onnx.write_bytes(b"other")
    with pytest.raises(IntegrityError, match=r"model\.onnx"):
        registry.register(model, bundle)
    assert registry.versions(model) == []


def test_a_download_takes_the_place_of_an_older_one(
    registry: ModelRegistry, model: str, bundle: Bundle, tmp_path: Path
) -> None:
    other = make_bundle(tmp_path / "other", seed=1)
    first, second = registry.register(model, bundle), registry.register(model, other)
    assert registry.download(first, tmp_path / "out").sha256 == bundle.sha256
    assert registry.download(second, tmp_path / "out").sha256 == other.sha256


@pytest.mark.parametrize("name", ["model.onnx", "model.keras", "metadata.json"])
@pytest.mark.parametrize("damage", ["altered", "gone"])
def test_a_damaged_store_is_named_and_healed_by_registering_again(
    engine: Engine, model: str, bundle: Bundle, name: str, damage: str, tmp_path: Path
) -> None:
    version = engine.registry.register(model, bundle)
    stored = engine.stored(version, name)
    if damage == "gone":
        stored.unlink()
    else:
        stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    with pytest.raises(IntegrityError, match=name.replace(".", r"\.")):
        engine.registry.download(version, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert engine.registry.register(model, bundle) == version
    assert engine.registry.download(version, tmp_path / "out").sha256 == bundle.sha256


def test_annotations_are_kept_and_replaced_whole(registry: ModelRegistry, model: str, bundle: Bundle) -> None:
    version = registry.register(model, bundle)
    registry.annotate(version, "fmnist.gate", '{"passed": false, "rules": [1, 2]}')
    registry.annotate(version, "fmnist.note", "ä\n'\"")
    annotated = registry.annotate(version, "fmnist.gate", '{"passed": true}')
    assert annotated == registry.get(model, 1) == registry.versions(model)[0]
    assert annotated.annotations == {"fmnist.gate": '{"passed": true}', "fmnist.note": "ä\n'\""}
    assert annotated.metadata == version.metadata


@pytest.mark.parametrize("key", ["gate", "metadata", "bundle_sha256", "fmnist.", "other.gate", "fmnist.A b"])
def test_annotations_cannot_overwrite_the_registrys_own(
    registry: ModelRegistry, model: str, bundle: Bundle, key: str
) -> None:
    version = registry.register(model, bundle)
    with pytest.raises(InputError, match="annotation"):
        registry.annotate(version, key, "{}")
    assert registry.get(model).annotations == {}


def test_what_is_attached_stays_with_its_version(
    engine: Engine, registry: ModelRegistry, model: str, bundle: Bundle, tmp_path: Path
) -> None:
    version = registry.register(model, bundle)
    other = registry.register(model, make_bundle(tmp_path / "other", seed=1))
    first, second = registry.attach(version, b"first"), registry.attach(version, b"second")
    assert first == hashlib.sha256(b"first").hexdigest() == registry.attach(version, b"first")
    shutil.rmtree(engine.stored(version, "model.onnx").parent)
    registry.register(model, bundle)
    assert (registry.attachment(version, first), registry.attachment(version, second)) == (
        b"first",
        b"second",
    )
    for unknown in ("0" * 64, "../metadata.json", ""):
        with pytest.raises(NotFoundError, match="nothing attached"):
            registry.attachment(version, unknown)
    with pytest.raises(NotFoundError, match="version 2"):
        registry.attachment(other, first)


def test_a_damaged_attachment_is_not_given_out(engine: Engine, model: str, bundle: Bundle) -> None:
    version = engine.registry.register(model, bundle)
    name = engine.registry.attach(version, b"evidence")
    engine.alter(version, name)
    with pytest.raises(IntegrityError, match=name):
        engine.registry.attachment(version, name)
    engine.registry.attach(version, b"evidence")
    assert engine.registry.attachment(version, name) == b"evidence"


def test_nothing_is_attached_to_a_version_that_is_not_there(
    engine: Engine, model: str, bundle: Bundle
) -> None:
    version = replace(engine.registry.register(model, bundle), number=7)
    with pytest.raises(NotFoundError, match="no version 7"):
        engine.registry.attach(version, b"evidence")


def test_a_missing_model_or_version_says_what_there_is(
    registry: ModelRegistry, model: str, bundle: Bundle
) -> None:
    assert registry.versions(model) == []
    registry.register(model, bundle)
    with pytest.raises(NotFoundError, match=rf"{model} has no version 7; it has 1$"):
        registry.get(model, 7)
    with pytest.raises(NotFoundError, match=rf"no model elsewhere.*{model}"):
        registry.get("elsewhere")


@pytest.mark.parametrize("name", ["", "..", "a/b", "a:b", ".hidden", "a' or name like '%"])
def test_model_names_that_could_be_paths_or_queries_are_refused(
    registry: ModelRegistry, bundle: Bundle, name: str
) -> None:
    with pytest.raises(InputError, match="model name"):
        registry.register(name, bundle)
    assert registry.versions(name) == []


def test_large_metadata_still_comes_back(registry: ModelRegistry, model: str, tmp_path: Path) -> None:
    small = make_bundle(tmp_path / "large")
    noise = base64.b64encode(bytes(90_000)).decode()
    write_metadata(small.folder, replace(small.metadata, hyperparameters={"table": noise}))
    large = open_bundle(small.folder)
    registry.register(model, large)
    assert registry.get(model).metadata == large.metadata


_REGISTER = """
import sys
from pathlib import Path
from fmnist import settings
from fmnist import wiring as engines
from fmnist.core.bundle import open_bundle

registry = engines.model_registry(settings.from_environment())
print(registry.register(sys.argv[2], open_bundle(Path(sys.argv[1]))).number)
"""


def test_two_processes_register_the_same_bundle_in_a_fresh_registry(
    engine: Engine, model: str, bundle: Bundle, tmp_path: Path
) -> None:
    fresh = tmp_path / "fresh"
    command = [sys.executable, "-c", _REGISTER, str(bundle.folder), model]
    environment = {**os.environ, "FMNIST_HOME": str(fresh)}
    if engine.name == "mlflow":
        environment = {name: environment[name] for name in ("FMNIST_HOME", "PATH")}
    processes = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    numbers = [process.communicate(timeout=120)[0].strip() for process in processes]
    assert numbers == ["1", "1"]
    versions = _ENGINES[engine.name](fresh).registry.versions(model)
    assert [version.number for version in versions] == [1]


def test_the_champion_is_who_was_named_last(registry: ModelRegistry, model: str, tmp_path: Path) -> None:
    for seed in range(2):
        registry.register(model, make_bundle(tmp_path / str(seed), seed=seed))
    assert [registry.set_champion(model, number) for number in (1, 2, 1, 1)] == [1, 2, 1, 1]
    with pytest.raises(NotFoundError, match="no version 3"):
        registry.set_champion(model, 3)


def test_the_registry_tells_who_is_and_was_champion(
    registry: ModelRegistry, model: str, tmp_path: Path
) -> None:
    assert registry.champions(model) == Champions()
    first, second, _ = (
        registry.register(model, make_bundle(tmp_path / str(seed), seed=seed)).bundle_sha256
        for seed in range(3)
    )
    assert registry.champions(model) == Champions()
    registry.set_champion(model, 1)
    assert registry.champions(model) == Champions(first, frozenset((first,)))
    registry.set_champion(model, 2)
    assert registry.champions(model) == Champions(second, frozenset((first, second)))


def test_a_version_is_found_by_its_bundle(registry: ModelRegistry, model: str, tmp_path: Path) -> None:
    for seed in range(2):
        registry.register(model, make_bundle(tmp_path / str(seed), seed=seed))
    first = registry.get(model, 1)
    assert find(registry, model, first.bundle_sha256) == first
    with pytest.raises(NotFoundError, match=f"no version of {model} in the registry holds bundle 0000"):
        find(registry, model, "0" * 64)


def test_two_who_annotate_at_once_leave_one_annotation(
    registry: ModelRegistry, model: str, bundle: Bundle
) -> None:
    version = registry.register(model, bundle)
    for round_ in range(5):
        key = f"fmnist.round-{round_}"
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(partial(registry.annotate, version, key), ("one", "two")))
        assert registry.get(model).annotations[key] in ("one", "two")
