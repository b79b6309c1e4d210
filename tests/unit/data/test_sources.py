import gzip
import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fmnist.core.fashion_mnist import MIRRORS, TEST, TRAIN, OfficialFile, Split
from fmnist.data import mirrors, sources, synthetic
from fmnist.data.base import SYNTHETIC_MARKER
from fmnist.data.formats.idx import write_idx
from fmnist.data.sources import Places, find, places
from fmnist.errors import DataError, NotFoundError, UnavailableError
from fmnist.settings import from_environment
from tests.support.drawing import csv_of, some_data
from tests.support.files import files_no_larger_than
from tests.support.mirror import Mirror, serving

SCRATCH = Path("/nowhere")
CONTENTS = {
    split.images.name: write_idx(some_data(count).images) for split, count in ((TRAIN, 30), (TEST, 20))
} | {split.labels.name: write_idx(some_data(count).labels) for split, count in ((TRAIN, 30), (TEST, 20))}


def _published(split: Split) -> Split:
    """The split as if small files of ours were the published ones."""
    images, labels = (
        OfficialFile(
            file.name,
            len(CONTENTS[file.name]),
            hashlib.sha256(CONTENTS[file.name]).hexdigest(),
            hashlib.sha256(gzip.decompress(CONTENTS[file.name])).hexdigest(),
        )
        for file in split.files
    )
    return replace(split, images=images, labels=labels)


@pytest.fixture(autouse=True)
def _small_official_files(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = _published(TRAIN), _published(TEST)
    monkeypatch.setattr(sources, "TRAIN", train)
    monkeypatch.setattr(sources, "TEST", test)
    monkeypatch.setattr(sources, "SPLITS", (train, test))
    monkeypatch.setattr(sources, "_ALL", (*train.files, *test.files))
    monkeypatch.setattr(synthetic, "TRAIN_IMAGES", 40)
    monkeypatch.setattr(synthetic, "TEST_IMAGES", 20)
    monkeypatch.setattr(mirrors, "PAUSE_SECONDS", 0.001)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def nowhere(tmp_path: Path) -> Places:
    return Places(None, tmp_path / "cache", tmp_path / "keras", mirrors=())


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with serving(CONTENTS) as mirror:
        yield mirror


def filled(folder: Path, contents: dict[str, bytes] = CONTENTS) -> Path:
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


def quiet(_: str) -> None:
    pass


def test_the_usual_places(tmp_path: Path) -> None:
    settings = from_environment({"FMNIST_HOME": str(tmp_path), "FMNIST_SOURCE": str(tmp_path / "mine")})
    usual = places(settings, {"KERAS_HOME": "/keras"})
    assert usual == Places(
        source=tmp_path / "mine",
        cache=tmp_path / "cache",
        keras=Path("/keras/datasets/fashion-mnist"),
        mirrors=MIRRORS,
    )
    assert places(settings, {}).keras == Path.home() / ".keras/datasets/fashion-mnist"


def test_the_first_place_that_has_all_four_wins(nowhere: Places, mirror: Mirror) -> None:
    everywhere = replace(nowhere, mirrors=(mirror.address,))
    for folder in (nowhere.keras, nowhere.cache):
        filled(folder)
        raw = find(everywhere, quiet, SCRATCH)
        assert (raw.origin, raw.where) == ("official", str(folder))
        assert raw.train == {file.name: folder / file.name for file in TRAIN.files}
        assert raw.test == {file.name: folder / file.name for file in TEST.files}
    assert mirror.asked == []


def test_a_folder_with_wrong_files_is_passed_over(nowhere: Places) -> None:
    filled(nowhere.cache, CONTENTS | {TRAIN.labels.name: b"wrong"})
    filled(nowhere.keras)
    said: list[str] = []
    assert find(nowhere, said.append, SCRATCH).where == str(nowhere.keras)
    assert said == [f"{nowhere.cache}: skipped, SHA-256 is not the published one: {TRAIN.labels.name}"]


def test_what_no_folder_has_is_downloaded_into_the_cache(nowhere: Places, mirror: Mirror) -> None:
    web = replace(nowhere, mirrors=(mirror.address,))
    raw = find(web, quiet, SCRATCH)
    assert (raw.origin, raw.where) == ("official", str(nowhere.cache))
    assert {path.name: path.read_bytes() for path in (*raw.train.values(), *raw.test.values())} == CONTENTS
    mirror.asked.clear()
    assert find(web, quiet, SCRATCH) == raw
    assert mirror.asked == []


def test_drawn_garments_stand_in_loudly(nowhere: Places, mirror: Mirror) -> None:
    del mirror.files[TEST.images.name]
    said: list[str] = []
    raw = find(replace(nowhere, mirrors=(mirror.address,)), said.append, SCRATCH)
    assert raw.origin == "synthetic"
    assert set(raw.train) == {*(file.name for file in TRAIN.files), SYNTHETIC_MARKER}
    assert set(raw.test) == {*(file.name for file in TEST.files), SYNTHETIC_MARKER}
    text = "\n".join(said)
    assert "!!  NOT FASHION-MNIST" in text
    assert "404" in text
    assert "FMNIST_SOURCE" in text
    assert find(nowhere, quiet, SCRATCH) == raw


def test_a_source_folder_with_the_official_files(nowhere: Places, tmp_path: Path) -> None:
    folder = filled(tmp_path / "mine", CONTENTS | {"README": b"mine"})
    raw = find(replace(nowhere, source=folder), quiet, SCRATCH)
    assert (raw.origin, raw.where) == ("official", str(folder))
    assert "README" not in raw.train


def test_a_source_folder_with_other_bytes_under_the_official_names(nowhere: Places, tmp_path: Path) -> None:
    other = write_idx(some_data(30, seed=1).images)
    folder = filled(tmp_path / "mine", CONTENTS | {TRAIN.images.name: other})
    said: list[str] = []
    raw = find(replace(nowhere, source=folder), said.append, SCRATCH)
    assert raw.origin == "custom"
    assert f"{folder}: the names are the official ones, the bytes are not: recorded as custom" in said


def test_a_source_folder_of_drawn_garments_stays_synthetic(nowhere: Places, tmp_path: Path) -> None:
    synthetic.write(tmp_path / "drawn")
    raw = find(replace(nowhere, source=tmp_path / "drawn"), quiet, SCRATCH)
    assert raw.origin == "synthetic"
    assert SYNTHETIC_MARKER in raw.train
    assert SYNTHETIC_MARKER in raw.test


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_source_folder_in_kaggles_form(nowhere: Places, tmp_path: Path, suffix: str) -> None:
    tables = {"fashion-mnist_train.csv": csv_of(some_data(8)), "fashion-mnist_test.csv": csv_of(some_data(3))}
    folder = filled(
        tmp_path / "mine",
        {name + suffix: gzip.compress(text) if suffix else text for name, text in tables.items()},
    )
    said: list[str] = []
    raw = find(replace(nowhere, source=folder), said.append, SCRATCH)
    assert raw.origin == "custom"
    assert set(raw.train) == {f"fashion-mnist_train.csv{suffix}"}
    assert set(raw.test) == {f"fashion-mnist_test.csv{suffix}"}
    assert f"{folder}: train: no image of Bag, Ankle boot" in said


@pytest.mark.parametrize("dotted", [False, True])
def test_a_source_folder_with_unpacked_files(nowhere: Places, tmp_path: Path, dotted: bool) -> None:
    plain = {name.removesuffix(".gz"): gzip.decompress(content) for name, content in CONTENTS.items()}
    if dotted:
        plain = {name.replace("-idx", ".idx"): content for name, content in plain.items()}
    raw = find(replace(nowhere, source=filled(tmp_path / "mine", plain)), quiet, SCRATCH)
    assert raw.origin == "official"
    assert set(raw.train) | set(raw.test) == set(plain)


def test_a_source_that_is_kaggles_zip(nowhere: Places, tmp_path: Path) -> None:
    plain = {name.removesuffix(".gz"): gzip.decompress(content) for name, content in CONTENTS.items()}
    tables = {f"fashion-mnist_{split}.csv": csv_of(some_data(3)) for split in ("train", "test")}
    for number, (contents, origin) in enumerate(((plain | tables, "official"), (tables, "custom"))):
        with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
            for name, content in contents.items():
                archive.writestr(name, content)
        (tmp_path / f"scratch-{number}").mkdir()
        raw = find(replace(nowhere, source=tmp_path / "archive.zip"), quiet, tmp_path / f"scratch-{number}")
        assert (raw.origin, raw.where) == (origin, str(tmp_path / "archive.zip"))
        assert all(path.is_file() for path in (*raw.train.values(), *raw.test.values()))


def test_a_full_disk_is_no_reason_for_synthetic_images(nowhere: Places, mirror: Mirror) -> None:
    with (
        files_no_larger_than(1000),
        pytest.raises(UnavailableError, match=f"{nowhere.cache}/.*: cannot be written: File too large"),
    ):
        find(replace(nowhere, mirrors=(mirror.address,)), quiet, SCRATCH)
    assert not list(nowhere.cache.glob("synthetic*"))


@pytest.mark.parametrize("damage", [b"", b"x", None])
def test_damaged_synthetic_images_in_the_cache_are_made_again(nowhere: Places, damage: bytes | None) -> None:
    path = find(nowhere, quiet, SCRATCH).train[TRAIN.images.name]
    content = path.read_bytes()
    path.write_bytes(content[:-9] + content[-8:] if damage is None else damage)
    assert find(nowhere, quiet, SCRATCH).train[TRAIN.images.name].read_bytes() == content


def test_a_named_source_is_never_replaced_by_another_place(nowhere: Places, tmp_path: Path) -> None:
    filled(nowhere.cache)
    with pytest.raises(NotFoundError, match="missing: no such folder"):
        find(replace(nowhere, source=tmp_path / "missing"), quiet, SCRATCH)
    with pytest.raises(NotFoundError, match=r"no train data; expected train-images.*it holds nothing"):
        find(replace(nowhere, source=filled(tmp_path / "empty", {})), quiet, SCRATCH)
    del (partly := dict(CONTENTS))[TEST.labels.name]
    with pytest.raises(NotFoundError, match=r"no test data; .*it holds t10k-images"):
        find(replace(nowhere, source=filled(tmp_path / "partly", partly)), quiet, SCRATCH)
    broken = CONTENTS | {TEST.labels.name: CONTENTS[TEST.labels.name][:-9]}
    with pytest.raises(DataError, match=r"t10k-labels.*truncated"):
        find(replace(nowhere, source=filled(tmp_path / "broken", broken)), quiet, SCRATCH)
