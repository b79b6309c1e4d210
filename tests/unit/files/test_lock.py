import os
from pathlib import Path

import pytest

from fmnist.errors import UnavailableError
from fmnist.files.lock import held


def test_one_holder_at_a_time_whose_process_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "new" / "lock"
    for _ in range(2):
        with (
            held(lock, "never {said}"),
            pytest.raises(UnavailableError, match=f"busy: process {os.getpid()} {{is}} at it"),
            held(lock, "busy: process {process} {is} at it"),
        ):
            pass
