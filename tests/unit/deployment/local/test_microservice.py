import tempfile
from pathlib import Path

import pytest

from fmnist.deployment.local import microservice

# macOS has 104 bytes for a socket's path and its end, Linux 108.
LONGEST = 103


@pytest.mark.parametrize("length", [4, 30, 34, 35, 39, 48, 60, 120])
def test_sockets_fit_however_long_the_folder_for_temporary_files_is(
    length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/" + "t" * (length - 1))
    scratch = f"{microservice._temporary()}/{microservice._scratch_prefix(tmp_path)}abcdefgh"
    assert len(f"{scratch}/pymp-abcdefgh/listener-abcdefgh") <= LONGEST
