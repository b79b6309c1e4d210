import os
import stat
import zipfile
from pathlib import Path

import pytest

from fmnist.core.fashion_mnist import TEST, TRAIN
from fmnist.data import archives
from fmnist.data.formats.idx import write_idx
from fmnist.data.incoming import gathered
from fmnist.errors import DataError, InputError
from tests.support.drawing import csv_of, some_data

PAIR = {
    "images-idx3-ubyte.gz": write_idx(some_data(3).images),
    "labels-idx1-ubyte.gz": write_idx(some_data(3).labels),
}
CSV = csv_of(some_data(4))


def filled(folder: Path, contents: dict[str, bytes]) -> Path:
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def zipped(path: Path, contents: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def gather(repo: str, *paths: Path) -> tuple[dict[str, bytes], list[str]]:
    with gathered(repo, paths) as incoming:
        return {name: path.read_bytes() for name, path in incoming.files.items()}, incoming.notes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return filled(tmp_path / "from", {"a": b"1", "deep/b": b"2"})


def test_a_folders_files_are_named_below_it(folder: Path) -> None:
    assert gather("shoes", folder)[0] == {"a": b"1", "deep/b": b"2"}
    assert gather("shoes", folder / "a", folder / "deep")[0] == {"a": b"1", "b": b"2"}


def test_two_files_of_one_name_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="both be stored as a"):
        gather("shoes", folder, folder / "a")


def test_what_other_programs_left_is_left_out_and_named(tmp_path: Path) -> None:
    junk = [
        ".DS_Store",
        "._images-idx3-ubyte.gz",
        ".ipynb_checkpoints/x.csv",
        "__MACOSX/._x",
        "notes.csv~",
        "old.csv.bak",
        "images.dvc",
        "dvc.lock",
        "Thumbs.db",
    ]
    folder = filled(tmp_path / "from", {**PAIR, **dict.fromkeys(junk, b"x")})
    (folder / "link.csv").symlink_to("images-idx3-ubyte.gz")
    (folder / "folder").symlink_to("..")
    os.mkfifo(folder / "pipe")
    files, notes = gather(TRAIN.repo, folder)
    assert files == PAIR
    assert sorted(notes) == sorted(
        [
            *(f"left out: {folder / name} (hidden)" for name in (*junk[:3], "__MACOSX/._x")),
            *(f"left out: {folder / name} (a backup)" for name in junk[4:6]),
            *(f"left out: {folder / name} (another program's)" for name in junk[6:]),
            *(f"left out: {folder / name} (a link)" for name in ("link.csv", "folder")),
            f"left out: {folder / 'pipe'} (a FIFO)",
        ]
    )


def test_nothing_left_is_refused_with_what_was_left_out(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"shoes: nothing to put; left out: .*\.DS_Store \(hidden\)"):
        gather("shoes", filled(tmp_path / "from", {".DS_Store": b"x"}))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe: is neither a file nor a folder"):
        gather("shoes", tmp_path / "pipe")


def test_names_that_a_terminal_would_obey_are_never_shown_as_they_are(tmp_path: Path) -> None:
    folder = filled(tmp_path / "from", {**PAIR, ".a\x1b[2J": b"x"})
    assert gather(TRAIN.repo, folder)[1] == [f"left out: '{folder}/.a\\x1b[2J' (hidden)"]
    with pytest.raises(InputError, match=r"fmnist-train-raw: file name 'a\\nb': expected a relative path"):
        gather(TRAIN.repo, filled(folder, {"a\nb": b"x"}))


def test_other_files_beside_the_data_are_named(tmp_path: Path) -> None:
    files, notes = gather(
        TRAIN.repo, filled(tmp_path / "from", {**PAIR, "README": b"x", "boot.png": b"\x89PNG\r\n"})
    )
    assert sorted(files) == ["README", "boot.png", *sorted(PAIR)]
    assert notes == ["no images or labels: README", "no images or labels: boot.png (a PNG picture)"]


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        ({"README": b"x"}, "of the files README these hold data: none"),
        ({f"{number}.png": b"\x89PNG\r\n" for number in range(3)}, "0.png .a PNG picture."),
        ({"train.parquet": b"PAR1"}, "a Parquet file"),
        ({"x_train.npy": b"\x93NUMPY"}, "a NumPy array"),
        ({"images.bin": b"\x03\x08\0\0", "labels.bin": b"\x01\x08\0\0"}, "little-endian IDX"),
        ({"images-idx3-ubyte.gz": PAIR["images-idx3-ubyte.gz"]}, "expected one IDX file"),
        ({"a.csv": CSV.splitlines()[0]}, "the data set is empty"),
        ({"a.csv": CSV, "b.csv": CSV}, "expected one IDX file"),
    ],
)
def test_what_training_cannot_read_is_refused(
    tmp_path: Path, contents: dict[str, bytes], reason: str
) -> None:
    folder = filled(tmp_path / "from", contents)
    for repo in (TRAIN.repo, TEST.repo, "shoes"):
        if repo != "shoes" or "README" not in contents:
            with pytest.raises(DataError, match=reason):
                gather(repo, folder)
        archive = zipped(tmp_path / "a" / f"{repo}.zip", contents)
        if repo != "shoes":
            with pytest.raises(DataError, match=reason):
                gather(repo, archive)


def test_a_zip_is_opened_whatever_its_name(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "train.csv", {"fashion-mnist_train.csv": CSV, "__MACOSX/._x": b"x"})
    assert gather(TRAIN.repo, archive) == (
        {"fashion-mnist_train.csv": CSV},
        [f"opened: {archive}", f"left out: {archive}/__MACOSX/._x (hidden)"],
    )
    assert gather("shoes", archive.parent)[0] == {"fashion-mnist_train.csv": CSV}


def test_of_kaggles_zip_each_repo_takes_its_split(tmp_path: Path) -> None:
    contents = {
        f"fashion-mnist_{split}.csv": csv_of(some_data(n)) for split, n in (("train", 4), ("test", 2))
    }
    archive = zipped(tmp_path / "archive.zip", contents)
    for split in (TRAIN, TEST):
        files, notes = gather(split.repo, archive)
        assert files == {f"fashion-mnist_{split.name}.csv": contents[f"fashion-mnist_{split.name}.csv"]}
        assert notes[1].endswith(f"(not the {split.name} data)")
    with pytest.raises(DataError, match="expected one IDX file"):
        gather("shoes", archive)


@pytest.mark.parametrize(
    "name", ["../escaped.csv", "/tmp/fmnist-escaped.csv", "a/../../escaped.csv", "a\nb.csv"]
)
def test_a_zip_cannot_name_files_outside(tmp_path: Path, name: str) -> None:
    archive = zipped(tmp_path / "in" / "archive.zip", {name: CSV})
    with pytest.raises(DataError, match=r"archive\.zip: file name .* expected a relative path"):
        gather(TRAIN.repo, archive)
    assert not Path("/tmp/fmnist-escaped.csv").exists()


def test_broken_zips_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = zipped(tmp_path / "archive.zip", {"fashion-mnist_train.csv": CSV})
    content = archive.read_bytes()
    encrypted = content.replace(b"PK\x01\x02\x14\x03\x14\0\0\0", b"PK\x01\x02\x14\x03\x14\0\1\0")
    flipped = content[:200] + bytes([content[200] ^ 1]) + content[201:]
    for damaged in (content[:-30], flipped, encrypted, b"PK\x03\x04"):
        archive.write_bytes(damaged)
        with pytest.raises(DataError, match=r"archive\.zip: this zip cannot be opened"):
            gather(TRAIN.repo, archive)
    archive.write_bytes(content)
    monkeypatch.setattr(archives, "_MAX_UNPACKED", 1000)
    with pytest.raises(DataError, match="unpacks to more than"):
        gather(TRAIN.repo, archive)


def test_a_zips_links_are_left_out(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "archive.zip", {"fashion-mnist_train.csv": CSV})
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(link, "/etc/passwd")
    files, notes = gather("shoes", archive)
    assert list(files) == ["fashion-mnist_train.csv"]
    assert f"left out: {archive}/link (a link)" in notes
