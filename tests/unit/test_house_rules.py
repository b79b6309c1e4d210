"""The rules of the house that a reader relies on: who may import what, and how quickly help comes."""

import ast
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import fmnist
from fmnist.settings import PROJECT

PACKAGE = Path(fmnist.__file__).parent
FLOORS = (
    "errors",
    "files",
    "core",
    "settings",
    "clients",
    "catalogue",
    *fmnist.PATH,
    "wiring",
    "jobs",
    "cli",
)
OLD_ENTRY_POINTS = {
    "fmnist.training.train",
    "fmnist.pipelines.retrain",
    "fmnist.pipelines.start_search",
    "fmnist.pipelines.validate_data",
}
LIBRARIES = {
    "alembic": "catalogue|mlflow",
    "boto3": "",
    "determined": "determined",
    "dvc": "dvc",
    "grpc": "pachyderm|seldon",
    "keras": "training",
    "kubernetes": "kubernetes",
    "mlflow": "mlflow",
    "optuna": "optuna",
    "python_pachyderm": "pachyderm",
    "seldon_core": "seldon",
    "tensorflow": "training",
    "wandb": "wandb",
}
"""By what only the modules with that word, or one of them, in their path may import."""
ENGINES = {"determined", "dvc", "mlflow", "pachyderm", "wandb"}
"""Those that settings choose between; TensorFlow and Optuna are without an alternative."""


@dataclass(frozen=True)
class Import:
    importer: str
    imported: str
    at_start: bool
    """Whether it happens when the importer is imported, not when one of its functions is called."""

    def __str__(self) -> str:
        return f"{self.importer} -> {self.imported}"


def name_of(path: Path) -> str:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in PACKAGE.rglob("*.py") if "test" not in path.parts}


def imports_of(module: str) -> Iterator[Import]:
    tree = ast.parse(MODULES[module].read_text())
    type_checking = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    lazy = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom) or id(node) in type_checking:
            continue
        for name in names_in(node):
            yield Import(module, name, id(node) not in lazy)


def names_in(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif node.module:
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield inner if inner in MODULES else node.module


IMPORTS = {module: tuple(imports_of(module)) for module in MODULES}


def floor(module: str) -> int | None:
    _, _, below = module.partition(".")
    room = below.split(".")[0]
    return FLOORS.index(room) if module.startswith("fmnist.") and room in FLOORS else None


def engine_of(module: str) -> str | None:
    return next((part for part in module.split(".") if part in ENGINES), None)


def loaded_by(module: str) -> set[str]:
    """All that importing a module imports with it, its packages and theirs included."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        if current in MODULES:
            waiting += [found.imported for found in IMPORTS[current] if found.at_start]
            waiting += [current.rpartition(".")[0]] * ("." in current)
    return seen


def every_import() -> Iterable[Import]:
    return (found for module in MODULES if module not in OLD_ENTRY_POINTS for found in IMPORTS[module])


def test_the_path_is_what_there_is() -> None:
    rooms = {module.split(".")[1] for module in MODULES if "." in module}
    assert rooms - {"pipelines"} == set(FLOORS)


def test_nothing_imports_from_a_floor_above() -> None:
    wrong = [
        str(found)
        for found in every_import()
        for importer, imported in [(floor(found.importer), floor(found.imported))]
        if importer is not None and imported is not None and imported > importer
    ]
    assert wrong == []


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_engines_library_is_imported_in_modules_named_after_it(library: str) -> None:
    wrong = [
        str(found)
        for found in every_import()
        if found.imported.split(".")[0] == library
        and not re.search(LIBRARIES[library] or "$^", found.importer)
    ]
    assert wrong == []


def test_wiring_alone_chooses_engines() -> None:
    wrong = [
        str(found)
        for found in every_import()
        if found.imported.startswith("fmnist.")
        and engine_of(found.imported) not in (None, engine_of(found.importer))
        # Its verbs are about Pachyderm's pipelines and no others.
        and found.importer not in ("fmnist.wiring", "fmnist.cli.pipelines")
    ]
    assert wrong == []


def test_wiring_is_asked_at_the_edge_alone() -> None:
    wrong = [
        str(found)
        for found in every_import()
        if found.imported == "fmnist.wiring" and found.importer.split(".")[1] not in ("jobs", "cli")
    ]
    assert wrong == []


def test_only_an_engine_loads_an_engines_library() -> None:
    """Also not by way of others: whoever needs a port gets its engine when it is asked for."""
    libraries = {library for library, word in LIBRARIES.items() if word in ENGINES}
    wrong = [
        f"{module} loads {sorted(loaded)}"
        for module in MODULES
        if engine_of(module) is None
        for loaded in [libraries & {name.split(".")[0] for name in loaded_by(module)}]
        if loaded and module not in OLD_ENTRY_POINTS
    ]
    assert wrong == []


def test_no_class_name_stands_twice() -> None:
    classes = Counter(
        node.name
        for path in MODULES.values()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, times in classes.items() if times > 1] == []


def test_no_module_is_above_300_lines() -> None:
    lines = {module: len(path.read_text().splitlines()) for module, path in MODULES.items()}
    assert {module: count for module, count in lines.items() if count > 300} == {}


def test_help_comes_in_half_a_second() -> None:
    """By the processor's time: what else the machine does should not decide."""
    seconds = []
    for _ in range(5):
        start = os.times()
        subprocess.run([sys.executable, "-m", "fmnist.cli.main", "--help"], check=True, capture_output=True)
        end = os.times()
        own = end.children_user - start.children_user, end.children_system - start.children_system
        seconds.append(sum(own))
    assert min(seconds) < 0.5
