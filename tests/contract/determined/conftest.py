from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.determined.server import Master, serving


@pytest.fixture
def master(tmp_path: Path) -> Iterator[Master]:
    with serving(tmp_path / "storage") as found:
        yield found
