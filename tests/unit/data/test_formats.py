import gzip
import struct
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import TRAIN
from fmnist.data.formats import data_in, read_dataset
from fmnist.data.formats.idx import write_idx
from fmnist.errors import DataError
from tests.support.drawing import csv_of, same, some_data, untimed

IMAGES, LABELS = TRAIN.images.name, TRAIN.labels.name


def pair(dataset: Dataset) -> dict[str, bytes]:
    return {IMAGES: write_idx(dataset.images), LABELS: write_idx(dataset.labels)}


def plain(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {name.removesuffix(".gz"): gzip.decompress(content) for name, content in files.items()}


@untimed
@given(count=st.integers(0, 20), seed=st.integers(0, 1000))
def test_idx_comes_back_as_it_was_written(count: int, seed: int) -> None:
    dataset = some_data(count, seed)
    assert same(read_dataset(pair(dataset)), dataset)
    assert same(read_dataset(plain(pair(dataset))), dataset)


def test_idx_of_the_same_array_is_the_same_bytes() -> None:
    dataset = some_data(5)
    assert pair(dataset) == pair(some_data(5))
    assert gzip.decompress(write_idx(dataset.labels))[:8] == struct.pack(">2I", 0x801, 5)
    assert gzip.decompress(write_idx(dataset.images))[:16] == struct.pack(">4I", 0x803, 5, 28, 28)


@untimed
@given(data=st.data(), zipped=st.booleans(), which=st.sampled_from([0, 1]))
def test_any_truncation_of_idx_is_a_data_error(data: st.DataObject, zipped: bool, which: int) -> None:
    files = pair(some_data(3)) if zipped else plain(pair(some_data(3)))
    name = sorted(files)[which]
    cut = data.draw(st.integers(0, len(files[name]) - 1))
    with pytest.raises(DataError):
        read_dataset({**files, name: files[name][:cut]})


@untimed
@given(data=st.data(), zipped=st.booleans())
def test_any_changed_byte_gives_data_or_a_data_error(data: st.DataObject, zipped: bool) -> None:
    files = pair(some_data(2)) if zipped else plain(pair(some_data(2)))
    name = data.draw(st.sampled_from(sorted(files)))
    broken = bytearray(files[name])
    broken[data.draw(st.integers(0, min(len(broken), 40) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        read = read_dataset({**files, name: bytes(broken)})
    except DataError:
        return
    assert len(read.images) == len(read.labels) == 2


@untimed
@given(st.dictionaries(st.sampled_from([IMAGES, LABELS, "x.csv", "README", "x"]), st.binary(max_size=64)))
def test_any_bytes_at_all_give_a_data_error(files: dict[str, bytes]) -> None:
    with pytest.raises(DataError):
        read_dataset(files)


def test_the_content_decides_not_the_name() -> None:
    dataset = some_data(4)
    files = {
        "a/one": write_idx(dataset.labels),
        "b/two.bin": plain(pair(dataset))[IMAGES.removesuffix(".gz")],
    }
    assert same(read_dataset(files), dataset)
    assert same(read_dataset({"sub/table": csv_of(dataset)}), dataset)


def test_other_files_are_passed_over() -> None:
    dataset = some_data(4)
    others = {
        "SYNTHETIC": b"drawn",
        "SHA256SUMS": b"0" * 64,
        "README.md": b"# Data",
        "empty": b"",
        "LICENSE": b"MIT",
    }
    assert same(read_dataset(pair(dataset) | others), dataset)
    assert data_in(pair(dataset) | others) == {IMAGES, LABELS}
    assert not data_in(others)


DATA = some_data(3)
PAIR, PLAIN = pair(DATA), plain(pair(DATA))
RAW_IMAGES, RAW_LABELS = IMAGES.removesuffix(".gz"), LABELS.removesuffix(".gz")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r"expected one IDX file of images with one of labels.*\(none\)"),
        ({IMAGES: PAIR[IMAGES]}, "these hold data: train-images-idx3-ubyte.gz"),
        ({LABELS: PAIR[LABELS], "README": b"x"}, r"README, train-labels.* \(IDX labels\)"),
        (PAIR | {"x.csv": csv_of(DATA)}, r"train-labels.*, x.csv \(CSV\)"),
        (PAIR | PLAIN, "expected one IDX file of images"),
        ({"a.csv": csv_of(DATA), "b.csv": csv_of(DATA)}, "or one CSV"),
        (PAIR | {LABELS: write_idx(DATA.labels[:2])}, "holds 3 images, .* 2 labels"),
        (PLAIN | {RAW_IMAGES: b"\0\0\x08\x02" + bytes(100)}, "magic number 0x00000802, expected 0x00000803"),
        (PLAIN | {RAW_IMAGES: b""}, "ubyte: truncated: only 0 bytes"),
        (PLAIN | {RAW_IMAGES: PLAIN[RAW_IMAGES] + b"\0"}, "1 bytes too many after the 3 images"),
        (PLAIN | {RAW_IMAGES: PLAIN[RAW_IMAGES][:-1]}, "3 images, 2368 bytes in all, it has 2367"),
        (PLAIN | {RAW_IMAGES: PLAIN[RAW_IMAGES][:10]}, "begins with 16 bytes, it has 10"),
        (PLAIN | {RAW_LABELS: PLAIN[RAW_LABELS][:6]}, "begins with 8 bytes, it has 6"),
        (PLAIN | {RAW_LABELS: PLAIN[RAW_LABELS][:-1] + b"\x0a"}, r"label 2 .* is 10, expected 0-9"),
        (PLAIN | {RAW_IMAGES: struct.pack(">4I", 0x803, 1, 32, 32) + bytes(1024)}, "32x32, expected 28x28"),
        (PLAIN | {RAW_IMAGES: struct.pack(">4I", 0x803, 2**32 - 1, 28, 28)}, "truncated.*4294967295 images"),
        (PAIR | {IMAGES: PAIR[IMAGES][:50]}, "truncated: its gzip stream of 50 bytes has no end"),
        (PAIR | {IMAGES: PAIR[IMAGES] + b"junk"}, "damaged gzip"),
        (
            PLAIN | {RAW_IMAGES: b"version https://git-lfs.github.com/spec/v1\n"},
            "ubyte: is a pointer of Git LFS",
        ),
        (PLAIN | {RAW_IMAGES: b"<!DOCTYPE html><title>404</title>"}, "ubyte: is a web page"),
        (PLAIN | {RAW_IMAGES: b"\x03\x08\0\0" + bytes(100)}, "ubyte: is little-endian IDX"),
        ({"a.csv": b"PK\x03\x04" + bytes(100)}, r"a\.csv: is a zip archive"),
        ({"x.csv.gz": gzip.compress(bytes(257) + b"ustar\0" + bytes(250))}, r"x\.csv\.gz: is a tar archive"),
        ({"1.png": b"\x89PNG\r\n"}, r"of the files 1\.png \(a PNG picture\) these hold data: none"),
        ({"x.parquet": b"PAR1" + bytes(9)}, r"x\.parquet \(a Parquet file\)"),
        ({f"{n}.txt": b"x" for n in range(20)}, r"and 8 more these hold data: none"),
    ],
)
def test_what_is_wrong_is_said(files: dict[str, bytes], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_dataset(files)


def test_images_keep_their_order_and_type() -> None:
    read = read_dataset(PAIR)
    assert (str(read.images.dtype), read.images.shape) == ("uint8", (3, 28, 28))
    assert (str(read.labels.dtype), read.labels.shape) == ("uint8", (3,))
