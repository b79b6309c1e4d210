"""The names that ``import fmnist`` gives, and the examples in their docstrings."""

import doctest
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fmnist
from fmnist.settings import PROJECT
from tests.support.bundles import make_bundle

HEAVY = ("numpy", "onnxruntime", "pydantic", "tensorflow", "yaml")
WITH_EXAMPLES = [name for name in fmnist.__all__ if callable(getattr(fmnist, name))]


def test_every_name_is_there() -> None:
    assert [name for name in fmnist.__all__ if getattr(fmnist, name, None) is None] == []
    with pytest.raises(AttributeError, match="'fmnist' has no attribute 'nothing'"):
        fmnist.nothing  # noqa: B018


def test_names_are_sorted_as_ruff_sorts_them() -> None:
    constants = [name for name in fmnist.__all__ if name.isupper()]
    classes = [name for name in fmnist.__all__ if name[0].isupper() and not name.isupper()]
    functions = [name for name in fmnist.__all__ if name.islower()]
    assert fmnist.__all__ == [*sorted(constants), *sorted(classes), *sorted(functions)]


def test_importing_the_package_loads_no_library_and_takes_no_time() -> None:
    code = (
        "import sys, time; start = time.perf_counter(); import fmnist; s = time.perf_counter() - start; "
        f"print(s, *(name for name in {HEAVY} if name in sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, *loaded = run.stdout.split()
    assert loaded == []
    assert float(seconds) < 0.3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the examples read: a checkpoint and an experiment file, in the working directory."""
    folder = tmp_path_factory.mktemp("examples")
    make_bundle(folder / "checkpoint")
    shutil.copy(PROJECT / "const.yaml", folder)
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_run(name: str, folder: Path) -> None:
    found = doctest.DocTestFinder(recurse=False).find(getattr(fmnist, name), name, globs={})
    tests = [test for test in found if test.examples]
    assert tests, f"fmnist.{name} has no example"
    for test in tests:
        assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed == 0
