from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from fmnist.clients.pachyderm.messages import pfs_proto
from fmnist.data.pachyderm.files import Files
from fmnist.errors import IntegrityError


@pytest.mark.parametrize("path", ["/../../escaped", "//etc/x", "/a/../../x", "/a\x1b[2J", "/a\\b"])
def test_a_server_cannot_name_files_outside_of_the_commit(path: str) -> None:
    info = SimpleNamespace(
        file=SimpleNamespace(path=path), file_type=pfs_proto.FileType.FILE, size_bytes=1, hash=b"1"
    )
    client = SimpleNamespace(walk_file=lambda *_: [info])
    connection: Any = SimpleNamespace(client=client, errors=lambda _: nullcontext())
    with pytest.raises(IntegrityError, match=r"garments@12ab: file name .* expected a relative path"):
        Files(connection).entries("garments", "12ab")
