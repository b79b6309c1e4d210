import gzip
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnist.data.formats import kaggle_csv, read_dataset
from fmnist.data.formats.kaggle_csv import COLUMNS, read_csv
from fmnist.errors import DataError
from tests.support.drawing import csv_of, same, some_data, untimed

DATA = some_data(6)
CSV = csv_of(DATA)
HEADER = CSV.split(b"\n")[0]
FLOATS = HEADER + b"\n" + CSV.partition(b"\n")[2].replace(b",", b".0,").replace(b"\n", b".0\n")


def with_field(line: int, column: int, text: str) -> bytes:
    lines = CSV.decode().splitlines()
    fields = lines[line - 1].split(",")
    fields[column] = text
    lines[line - 1] = ",".join(fields)
    return "\n".join(lines).encode()


@untimed
@given(count=st.integers(0, 12), seed=st.integers(0, 1000), end=st.sampled_from(["\n", "\r\n"]))
def test_it_comes_back_as_it_was_written(count: int, seed: int, end: str) -> None:
    dataset = some_data(count, seed)
    assert same(read_csv("x.csv", csv_of(dataset, end)), dataset)


@untimed
@given(st.integers(1, 40_000))
def test_the_size_of_the_pieces_does_not_matter(chunk: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kaggle_csv, "_CHUNK", chunk)
        assert same(read_csv("x.csv", CSV), DATA)


@pytest.mark.parametrize(
    "content",
    [
        CSV.rstrip(),
        CSV + b"\n\n",
        b"\xef\xbb\xbf" + CSV,
        CSV.replace(HEADER, HEADER.upper()),
        CSV.replace(b",", b", "),
        with_field(3, 0, '"1"'),
        with_field(3, 0, "0001"),
        gzip.compress(CSV),
        FLOATS,
        FLOATS.rstrip(),
        FLOATS.replace(b"\n", b"\r\n"),
        with_field(3, 0, "1.000"),
    ],
    ids=[
        "no-last-newline",
        "blank-end",
        "bom",
        "upper-header",
        "blanks",
        "quotes",
        "zeros",
        "gzip",
        "floats",
        "floats-no-last-newline",
        "floats-crlf",
        "long-float",
    ],
)
def test_harmless_variations_are_read(content: bytes) -> None:
    assert same(read_dataset({"fashion-mnist_train.csv": content}), DATA)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: 1 columns, expected a header of 785"),
        (CSV.partition(b"\n")[2], r"line 1: column 1 is named '0', expected 'label'"),
        (CSV.replace(b"pixel7,", b"pixel07,", 1), "line 1: column 8 is named 'pixel07', expected 'pixel7'"),
        (HEADER.rpartition(b",")[0] + b"\n", "line 1: 784 columns"),
        (CSV + b"1,2,3\n" + CSV, "line 8: 3 values, expected 785"),
        (CSV[:-100], "line 7: .* values, expected 785"),
        (CSV.replace(b"\n", b"\n\n", 2).replace(b"\n\n", b"\n", 1), "line 3: 1 values, expected 785"),
        (with_field(4, 3, "256"), "line 4: pixel3 is 256, expected 0-255"),
        (with_field(4, 3, "9" * 5000), "line 4: pixel3 is 9+, expected 0-255"),
        (with_field(4, 3, "-1"), "line 4: pixel3 is '-1', expected an integer"),
        (with_field(4, 784, "1.5"), "line 4: pixel784 is '1.5', expected an integer"),
        (with_field(4, 3, ".0"), "line 4: pixel3 is '.0', expected an integer"),
        (with_field(4, 3, "1.0.0"), r"line 4: pixel3 is '1\.0\.0', expected an integer"),
        (with_field(4, 3, "0.50"), r"line 4: pixel3 is '0\.50', expected an integer"),
        (with_field(4, 3, "256.0"), "line 4: pixel3 is 256, expected 0-255"),
        (CSV.decode().encode("utf-16"), "line 1: is UTF-16, expected UTF-8"),
        (CSV.decode().encode("utf-16-le"), "line 1: is UTF-16, expected UTF-8"),
        (CSV.replace(b",", b";"), "line 1: values are separated by semicolons, expected commas"),
        (CSV.replace(b",", b"\t"), "line 1: values are separated by tabs, expected commas"),
        (b"sep=,\n" + CSV, "line 1: is Excel's 'sep=,'; remove it"),
        (with_field(4, 3, ""), "line 4: pixel3 is '', expected an integer"),
        (with_field(4, 3, "x"), "line 4: pixel3 is 'x'"),
        (with_field(4, 3, "\u0663"), "line 4: pixel3 is '\u0663'"),
        (with_field(4, 3, "1 2"), "line 4: pixel3 is '1 2'"),
        (with_field(5, 0, "10"), "line 5: label 10, expected 0-9"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=f"^x.csv, {message}"):
        read_csv("x.csv", content)


@untimed
@given(st.integers(0, len(CSV)))
def test_a_truncation_is_an_error_or_loses_whole_lines_only(cut: int) -> None:
    try:
        read = read_csv("x.csv", CSV[:cut])
    except DataError:
        return
    # A cut inside the last number of a line cannot be told from a shorter number.
    known = max(0, len(read) - 1)
    assert same(
        type(read)(read.images[:known], read.labels[:known]),
        type(read)(DATA.images[:known], DATA.labels[:known]),
    )


@untimed
@given(position=st.integers(len(HEADER), len(CSV) - 1), byte=st.integers(0, 255))
def test_any_changed_byte_gives_data_or_a_data_error(position: int, byte: int) -> None:
    broken = bytearray(CSV)
    broken[position] = byte
    try:
        read = read_csv("x.csv", bytes(broken))
    except DataError:
        return
    assert len(read) == 6


def test_sixty_thousand_lines_take_seconds() -> None:
    line = ",".join(["7", *(["0"] * 300), *(["255"] * 484)]) + "\n"
    content = (",".join(COLUMNS) + "\n" + line * 60_000).encode()
    begun = time.process_time()
    assert len(read_csv("x.csv", content)) == 60_000
    assert time.process_time() - begun < 8
