import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnist.data.base import StoredFile
from fmnist.data.pachyderm.digests import NAME, Digests, read, write
from tests.support.drawing import untimed

SHA = "0123456789abcdef" * 4


@untimed
@given(
    st.text(),
    st.dictionaries(
        st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1).filter(
            lambda name: not name.startswith("./")
        ),
        st.binary(max_size=8),
        max_size=5,
    ),
)
def test_what_is_written_is_read(message: str, contents: dict[str, bytes]) -> None:
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    files = [StoredFile(name, 0, sha256) for name, sha256 in sums.items()]
    assert read(write(files, message)) == Digests(message, sums)


@untimed
@given(st.binary())
def test_anything_can_be_read(content: bytes) -> None:
    for sha256 in read(content).by_name.values():
        assert len(sha256) == 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{SHA}  a\n{SHA} *b c\n", {"a": SHA, "b c": SHA}),
        (f"{SHA}  ./a\r\n", {"a": SHA}),
        (f"{SHA.upper()}  a", {"a": SHA}),
        (f"# from sha256sum\n\nSHA256 (a) = {SHA}\n{SHA[:-1]}  b\n", {}),
        ("# fmnist no JSON\n", {}),
    ],
)
def test_what_people_write(text: str, expected: dict[str, str]) -> None:
    assert read(text.encode()) == Digests(None, expected)


def test_sha256sum_reads_it_too(tmp_path: Path) -> None:
    program = shutil.which("sha256sum")
    if program is None:
        pytest.skip("no sha256sum on this machine")
    (tmp_path / "a b").write_bytes(b"1")
    stored = StoredFile("a b", 1, hashlib.sha256(b"1").hexdigest())
    (tmp_path / NAME).write_bytes(write([stored], "two\nlines: ü"))
    done = subprocess.run([program, "--strict", "-c", NAME], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"a b: OK\n")
