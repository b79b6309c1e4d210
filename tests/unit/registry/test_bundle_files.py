from dataclasses import replace
from pathlib import Path

import pytest

from fmnist.core.bundle import Bundle, open_bundle, write_metadata
from fmnist.errors import InputError, IntegrityError
from fmnist.registry.bundle_files import copy_bundle, open_stored
from tests.support.bundles import make_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return make_bundle(tmp_path / "bundle")


def test_a_copy_is_a_bundle_of_its_own(bundle: Bundle, tmp_path: Path) -> None:
    copy = copy_bundle(bundle, tmp_path / "deep" / "copy")
    assert copy == replace(bundle, folder=tmp_path / "deep" / "copy")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["copy"]


def test_another_bundle_is_replaced(bundle: Bundle, tmp_path: Path) -> None:
    make_bundle(tmp_path / "copy", seed=1)
    assert copy_bundle(bundle, tmp_path / "copy").sha256 == bundle.sha256


def test_nothing_but_a_bundle_is_ever_replaced(bundle: Bundle, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match=r"home: holds thesis\.tex"):
        copy_bundle(bundle, home)
    with pytest.raises(InputError, match=r"thesis\.tex: is a file"):
        copy_bundle(bundle, home / "thesis.tex")
    assert (home / "thesis.tex").read_text() == "precious"


def test_a_failed_copy_leaves_nothing(bundle: Bundle, tmp_path: Path) -> None:
    bundle.keras.write_bytes(b"changed meanwhile")
    with pytest.raises(IntegrityError, match=r"model\.keras"):
        copy_bundle(bundle, tmp_path / "out" / "copy")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("name", ["../model.onnx", "/etc/passwd", "a//b", "", "a\nb"])
def test_a_bundle_cannot_reach_out_of_its_folder(bundle: Bundle, tmp_path: Path, name: str) -> None:
    files = {**bundle.metadata.files, name: "0" * 64}
    with pytest.raises(IntegrityError, match=r"metadata\.json: file name .* expected a relative path"):
        copy_bundle(replace(bundle, metadata=replace(bundle.metadata, files=files)), tmp_path / "copy")
    write_metadata(bundle.folder, replace(bundle.metadata, files=files))
    with pytest.raises(IntegrityError, match=r"metadata\.json: file name .* expected a relative path"):
        open_bundle(bundle.folder)


def test_another_bundle_in_the_place_of_the_stored_one_is_found_out(bundle: Bundle) -> None:
    with pytest.raises(IntegrityError, match=rf"metadata\.json: SHA-256 is {bundle.sha256}"):
        open_stored(bundle.folder, "0" * 64)
