import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnist.errors import InputError, IntegrityError
from fmnist.files.paths import check_names, files_below, path_in
from tests.support.drawing import untimed

BAD_NAMES = (
    "",
    "..",
    "../../.bashrc",
    "a/../../b",
    "/etc/passwd",
    "//host/share",
    "a//b",
    "a/",
    "./a",
    "C:/x",
    "a\\..\\b",
    "a\nb",
    "\x1b[2Ja",
    "a\x00",
    "\udc80",
    "\u202egpj.exe",
)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_leads_elsewhere_or_hides_something_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(IntegrityError, match=r"remote: file name .*expected a relative path"):
        path_in(tmp_path, name, "remote")


@pytest.mark.parametrize(
    "name", ["a", "größe 靴.txt", "more/inner.txt", "-dash", ".hidden", "..a", "a..", "~"]
)
def test_plain_names_are_paths_below_the_folder(tmp_path: Path, name: str) -> None:
    assert path_in(tmp_path, name, "remote") == tmp_path / name


_TRICKY = st.lists(
    st.sampled_from(["..", ".", "", "/", "\\", "~", "C:", "a", "..a", "\n", "\x00", " ", "é"])
    | st.text(max_size=4),
    max_size=6,
)


@untimed
@given(_TRICKY, st.sampled_from(["/", ""]))
def test_whatever_the_name_nothing_is_outside(parts: list[str], between: str) -> None:
    folder = Path("/srv/data")
    try:
        path = path_in(folder, between.join(parts), "remote")
    except IntegrityError:
        return
    inside = os.path.normpath(path)
    assert inside.startswith("/srv/data/")
    assert inside == str(path)
    assert str(path).isprintable()


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "out").symlink_to(tmp_path)
    (folder / "file").touch()
    (folder / "in").symlink_to("file")
    assert path_in(folder, "in", "remote").name == "in"
    for name in ("out", "out/x"):
        with pytest.raises(IntegrityError, match="link that leads out"):
            path_in(folder, name, "remote")


def test_names_must_be_able_to_lie_in_one_folder() -> None:
    check_names(["a/b", "a/c", "b"], "zip")
    with pytest.raises(InputError, match=r"zip: a is a file and cannot also be the folder of a/b"):
        check_names(["a", "a/b"], "zip", InputError)
    with pytest.raises(IntegrityError, match=r"'\.\./x'"):
        check_names(["a", "../x"], "zip")


def test_what_is_no_regular_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below/file").touch()
    (tmp_path / "link").symlink_to("below/file")
    (tmp_path / "folder").symlink_to("below")
    os.mkfifo(tmp_path / "pipe")
    assert [(path.relative_to(tmp_path).as_posix(), kind) for path, kind in files_below(tmp_path)] == [
        ("below/file", None),
        ("folder", "a link"),
        ("link", "a link"),
        ("pipe", "a FIFO"),
    ]
