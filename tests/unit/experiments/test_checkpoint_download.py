"""Downloads of Determined checkpoints whose bucket or archive someone else wrote."""

import io
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from determined.common.storage import s3

from fmnist.errors import IntegrityError
from fmnist.experiments.determined.download import _Checkpoint, checked

OUTSIDE = ["../escaped", "bundle/../../escaped", "/tmp/fmnist-escaped", "bundle/a\x1b[2J"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_in_a_bucket_cannot_lead_out(name: str) -> None:
    with pytest.raises(IntegrityError, match=r"checkpoint 12ab: file name .* expected a relative path"):
        checked("12ab")(name)


@pytest.mark.parametrize("name", ["metadata.json", "bundle/", "state/epoch-000001.state"])
def test_names_that_fmnist_and_determined_write_are_taken(name: str) -> None:
    assert checked("12ab")(name)


def test_a_bucket_is_downloaded_by_checked_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(_self: Any, src: str, dst: str, selector: Any) -> None:
        assert (src, dst) == ("12ab", str(tmp_path / "out"))
        selector("../escaped")

    monkeypatch.setattr(s3.S3StorageManager, "__init__", lambda *_, **__: None)
    monkeypatch.setattr(s3.S3StorageManager, "download", download)
    checkpoint = _Checkpoint(session=None, uuid="12ab")
    with pytest.raises(IntegrityError, match="checkpoint 12ab"):
        checkpoint._download_direct({"type": "s3", "bucket": "models"}, tmp_path / "out")


def _link(name: str, target: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    return entry


@pytest.mark.parametrize(
    "entry",
    [
        tarfile.TarInfo("../escaped"),
        tarfile.TarInfo("bundle/../../escaped"),
        _link("bundle/x", "../../escaped"),
        _link("bundle/x", "/etc/passwd"),
    ],
    ids=lambda entry: f"{entry.name} {entry.linkname}",
)
def test_an_archive_of_the_master_cannot_lead_out(tmp_path: Path, entry: tarfile.TarInfo) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.addfile(entry)
    stream.seek(0)
    session: Any = SimpleNamespace(get=lambda *_, **__: SimpleNamespace(ok=True, raw=stream))
    with pytest.raises(tarfile.FilterError):
        _Checkpoint._download_via_master(session, "12ab", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
