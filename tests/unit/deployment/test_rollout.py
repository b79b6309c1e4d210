from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from fmnist.core.bundle import Bundle
from fmnist.deployment.base import Deployment, Server
from fmnist.deployment.rollout import fetch, serve_alone
from fmnist.errors import IntegrityError, UnavailableError
from fmnist.registry.base import ModelVersion
from fmnist.registry.copies import copy_bundle
from tests.support.bundles import make_bundle


class Machine:
    """A platform that only notes what it is told; version 13 never gets ready."""

    def __init__(self, **weights: int) -> None:
        self.weights = {int(name[1:]): weight for name, weight in weights.items()}
        self.steps: list[str] = []

    @property
    def url(self) -> str:
        return "http://here"

    def apply(self, version: int, bundle: Bundle) -> Deployment:
        self.steps.append(f"apply {version}")
        if version == 13:
            raise UnavailableError("version 13 does not start")
        self.weights.setdefault(version, 0)
        return self._deployment(version)

    def set_weights(self, weights: Mapping[int, int]) -> None:
        self.steps.append(f"weights {dict(weights)}")
        self.weights = {version: weights.get(version, 0) for version in self.weights}

    def deployments(self) -> list[Deployment]:
        return [self._deployment(one) for one in sorted(self.weights, key=lambda one: -self.weights[one])]

    def remove(self, version: int) -> None:
        self.steps.append(f"remove {version}")
        del self.weights[version]

    def servers(self) -> list[Server]:
        return []

    def stop(self) -> int:
        raise NotImplementedError

    def _deployment(self, version: int) -> Deployment:
        return Deployment("m", version, self.weights[version], ready=True, url="http://here")


class OneBundle:
    """A registry as far as downloading goes."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.downloads = 0

    def download(self, version: ModelVersion, folder: Path) -> Bundle:
        self.downloads += 1
        return copy_bundle(self.bundle, folder)


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return make_bundle(tmp_path / "bundle")


def test_the_new_version_is_ready_before_it_takes_the_traffic_and_the_old_ones_end_last(
    bundle: Bundle,
) -> None:
    machine = Machine(v1=0, v2=100)
    assert serve_alone(machine, 3, bundle).version == 3
    assert machine.steps[:2] == ["apply 3", "weights {3: 100}"]
    assert sorted(machine.steps[2:]) == ["remove 1", "remove 2"]


def test_a_version_that_does_not_get_ready_changes_nothing(bundle: Bundle) -> None:
    machine = Machine(v2=100)
    with pytest.raises(UnavailableError, match="13"):
        serve_alone(machine, 13, bundle)
    assert machine.weights == {2: 100}


def test_a_bundle_is_downloaded_once_and_again_only_if_it_changed(bundle: Bundle, tmp_path: Path) -> None:
    registry, folder = OneBundle(bundle), tmp_path / "served"
    version = ModelVersion("m", 1, "2026-01-01", bundle.sha256, bundle.metadata, {})
    for downloads in (1, 1):
        assert fetch(registry, version, folder).sha256 == bundle.sha256  # type: ignore[arg-type]
        assert registry.downloads == downloads
    (folder / "model.onnx").write_bytes(b"damaged")
    assert fetch(registry, version, folder).folder == folder  # type: ignore[arg-type]
    assert registry.downloads == 2


def test_what_a_registry_says_of_a_download_is_not_hidden(bundle: Bundle, tmp_path: Path) -> None:
    (bundle.folder / "model.onnx").write_bytes(b"damaged")
    version = ModelVersion("m", 1, "2026-01-01", bundle.sha256, bundle.metadata, {})
    with pytest.raises(IntegrityError, match=r"model\.onnx"):
        fetch(OneBundle(replace(bundle)), version, tmp_path / "served")  # type: ignore[arg-type]
