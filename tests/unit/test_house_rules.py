"""The rules of the house that a reader relies on: who may import what, and how quickly help comes."""

import ast
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import fmnist
from fmnist.settings import PROJECT

PACKAGE = Path(fmnist.__file__).parent
STAGES = [
    "data",
    "training",
    "search",
    "registry",
    "promotion",
    "gate",
    "report",
    "serving",
    "deployment",
    "pipelines",
]
ENGINES = {
    "determined": "determined",
    "dvc": "dvc",
    "mlflow": "mlflow",
    "wandb": "wandb",
    "optuna": "optuna",
    "python_pachyderm": "pachyderm",
    "seldon_core": "",
    "tensorflow": "training",
}


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "test" not in path.parts)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_no_later_stage(stage: str) -> None:
    later = tuple(f"fmnist.{name}" for name in STAGES[STAGES.index(stage) + 1 :])
    found = [
        f"{path.relative_to(PROJECT)}: {name}"
        for path in (PACKAGE / stage).rglob("*.py")
        for name in imports_of(path)
        if name.startswith(later)
    ]
    assert found == []


def test_an_engine_is_imported_in_the_module_named_after_it() -> None:
    found = [
        f"{path.relative_to(PROJECT)}: {name}"
        for path in modules()
        for name in imports_of(path)
        for engine in [ENGINES.get(name.split(".")[0])]
        if engine is not None and engine not in path.relative_to(PACKAGE).with_suffix("").parts
    ]
    assert found == []


def test_one_module_chooses_engines() -> None:
    engines = (
        "fmnist.data.dvc",
        "fmnist.registry.mlflow",
        "fmnist.registry.determined",
        "fmnist.deployment.local",
    )
    found = [
        f"{path.relative_to(PROJECT)}: {name}"
        for path in modules()
        if path.name != "engines.py"
        for name in imports_of(path)
        if name in engines
    ]
    assert found == []


def test_help_comes_in_half_a_second() -> None:
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "fmnist.cli.main", "--help"], check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5
