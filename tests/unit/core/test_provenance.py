"""One vocabulary: a commit found in one place finds the same model in every other."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fmnist.catalogue.promotions import History
from fmnist.cli.versions import version_document
from fmnist.core.bundle import Bundle
from fmnist.core.provenance import PROVENANCE_FIELDS
from fmnist.experiments.determined.checkpoint import checkpoint_metadata
from fmnist.registry.base import ModelVersion
from fmnist.registry.determined import records
from fmnist.registry.mlflow.registry import _tags
from fmnist.report.lineage import lineage_of
from fmnist.serving.model import lineage_tags
from tests.support.bundles import make_bundle


def _continued(bundle: Bundle) -> Bundle:
    """The bundle with every field of a provenance."""
    provenance = replace(bundle.metadata.provenance, parent_run="run-7")
    return replace(bundle, metadata=replace(bundle.metadata, provenance=provenance))


def _version(bundle: Bundle) -> ModelVersion:
    return ModelVersion("fashion-classifier", 3, "2026-01-02", bundle.sha256, bundle.metadata, {})


def _values_of(bundle: Bundle) -> dict[str, Any]:
    checkpoint: Any = SimpleNamespace(training=SimpleNamespace(experimentId=1, trialId=2))
    return records.values_of(bundle, checkpoint)


def _notes(bundle: Bundle) -> dict[str, str]:
    cells = [line.strip("|").split("|") for line in records.notes(bundle).splitlines()]
    return {name.strip(): text.strip() for name, text in cells}


@pytest.mark.parametrize(
    "show",
    [
        lambda bundle: lineage_tags(bundle, "3"),
        lambda bundle: checkpoint_metadata(bundle, 10),
        _values_of,
        _notes,
        _tags,
        lambda bundle: asdict(lineage_of(_version(bundle))),
        lambda bundle: version_document(_version(bundle), History()),
    ],
    ids=["prediction", "checkpoint", "determined", "determined-page", "mlflow", "lineage", "models"],
)
def test_provenance_has_the_same_names_everywhere(
    show: Callable[[Bundle], Mapping[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMNIST_HOME", str(tmp_path / "home"))
    bundle = _continued(make_bundle(tmp_path / "bundle"))
    fields = bundle.metadata.provenance.fields()
    assert tuple(fields) == PROVENANCE_FIELDS
    shown = show(bundle)
    assert {name: shown[name] for name in fields} == fields


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    assert "parent_run" not in make_bundle(tmp_path).metadata.provenance.fields()
