from collections.abc import Iterator
from pathlib import Path

import pytest

from fmnist.data.pachyderm.store import PachydermStore
from tests.support.files import Files
from tests.support.pachd.target import KINDS, Target, target_of


@pytest.fixture(params=KINDS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    with target_of(request.param, tmp_path) as target:
        yield target


@pytest.fixture
def repo(target: Target) -> str:
    return target.repo


@pytest.fixture
def store(target: Target) -> PachydermStore:
    return target.store()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "source")
