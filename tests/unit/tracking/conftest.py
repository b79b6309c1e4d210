"""What takes seconds to load is started before it is asked for: it takes the other core."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pages import commands
from tests.support.processes import background


@pytest.fixture(scope="package")
def tensorboard() -> Iterator["subprocess.Popen[str]"]:
    """The program as docs/training.md starts it, asked for its version: it loads all of TensorFlow first."""
    (asked,) = commands("docs/training.md", "tensorboard")
    with background([Path(sys.executable).with_name("tensorboard"), *asked, "--version_tb"]) as process:
        yield process
