"""The catalogue's libraries are loaded only by what needs them."""

import subprocess
import sys
from pathlib import Path

import pytest

from fmnist.settings import PROJECT
from tests.support.promotions import make_log, served

READ = """
from pathlib import Path
from tests.support.promotions import make_log
make_log(Path({home!r})).read()
"""


def _loaded(code: str) -> set[str]:
    """Libraries of the catalogue that a process has loaded after it ran ``code``."""
    shown = f"{code}\nimport sys; print(*({{'alembic', 'sqlalchemy'}} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", shown], cwd=PROJECT, check=True, capture_output=True, text=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["cli.main", "wiring", "data.watch", "gate.gitlab", "settings"])
def test_whoever_imports_needs_neither(module: str) -> None:
    assert _loaded(f"import fmnist.{module}") == set()


def test_a_database_that_is_up_to_date_needs_no_alembic(tmp_path: Path) -> None:
    with make_log(tmp_path).held() as writer:
        writer.append(served(1))
    assert _loaded(READ.format(home=str(tmp_path))) == {"sqlalchemy"}
