"""Kaggle's form of the data: CSV with the header ``label,pixel1,…,pixel784`` and one image per line."""

import codecs
import re

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Dataset
from fmnist.core.fashion_mnist import CLASSES, IMAGE_SHAPE, PIXELS
from fmnist.errors import DataError

COLUMNS = ("label", *(f"pixel{number}" for number in range(1, PIXELS + 1)))

_CHUNK = 1 << 22
_OTHER_SEPARATORS = {b";": "semicolons", b"\t": "tabs"}
_COMMA, _NEWLINE, _ZERO, _NINE = b",\n09"


def read_csv(name: str, content: bytes) -> Dataset:
    """The images of a CSV file, in the order of its lines.

    Raises:
        DataError: a wrong header, row length, value or label, with the line's number.
    """
    header, _, body = content.partition(b"\n")
    _check_header(name, header)
    chunks = [np.empty((0, len(COLUMNS)), np.uint8)]
    start, line = 0, 2
    body = body.rstrip()
    while start < len(body):
        end = body.find(b"\n", start + _CHUNK) + 1 or len(body)
        lines = body[start:end]
        values = _read_canonical(lines)
        chunks.append(values if values is not None else _read_carefully(name, lines, line))
        start, line = end, line + lines.count(b"\n")
    table = np.concatenate(chunks)
    if wrong := np.flatnonzero(table[:, 0] >= len(CLASSES))[:1].tolist():
        raise DataError(
            f"{name}, line {wrong[0] + 2}: label {table[wrong[0], 0]}, expected 0-{len(CLASSES) - 1}"
        )
    return Dataset(images=table[:, 1:].reshape(-1, *IMAGE_SHAPE), labels=np.ascontiguousarray(table[:, 0]))


def _check_header(name: str, header: bytes) -> None:
    if header.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in header[:8]:
        raise DataError(f"{name}, line 1: is UTF-16, expected UTF-8: save it as plain CSV")
    if header.startswith(b"sep="):
        raise DataError(f"{name}, line 1: is Excel's {header.decode(errors='replace').strip()!r}; remove it")
    for separator, word in _OTHER_SEPARATORS.items():
        if header.count(separator) > header.count(b","):
            raise DataError(f"{name}, line 1: values are separated by {word}, expected commas")
    found = header.decode("utf-8-sig", errors="replace").strip().split(",")
    if len(found) != len(COLUMNS):
        raise DataError(
            f"{name}, line 1: {len(found)} columns, expected a header of {len(COLUMNS)}: "
            f"{COLUMNS[0]},{COLUMNS[1]},…,{COLUMNS[-1]}"
        )
    for number, (came, expected) in enumerate(zip(found, COLUMNS, strict=True), 1):
        if came.strip().strip('"').lower() != expected:
            raise DataError(f"{name}, line 1: column {number} is named {came[:40]!r}, expected {expected!r}")


def _read_canonical(lines: bytes) -> NDArray[np.uint8] | None:
    """Whole lines of plain numbers, as [n, 785]; None if anything at all is unusual."""
    if b"\r" in lines:
        lines = lines.replace(b"\r\n", b"\n")
    if b"." in lines:
        # As pandas writes after a merge: 9.0,0.0
        lines = lines.replace(b".0,", b",").replace(b".0\n", b"\n").removesuffix(b".0")
    text = np.frombuffer(lines if lines.endswith(b"\n") else lines + b"\n", np.uint8)
    is_digit = (text >= _ZERO) & (text <= _NINE)
    ends = np.flatnonzero(~is_digit)
    if len(ends) % len(COLUMNS):
        return None
    separators = text[ends].reshape(-1, len(COLUMNS))
    if (separators[:, :-1] != _COMMA).any() or (separators[:, -1] != _NEWLINE).any():
        return None
    lengths = np.diff(ends, prepend=-1) - 1
    if lengths.min() < 1 or lengths.max() > 3:
        return None
    digits = text - np.uint8(_ZERO)
    values = digits[ends - 1].astype(np.uint16)
    values += np.where(lengths > 1, digits[ends - 2], 0) * np.uint16(10)
    values += np.where(lengths > 2, digits[ends - 3], 0) * np.uint16(100)
    if values.max() > 255:
        return None
    table: NDArray[np.uint8] = values.astype(np.uint8).reshape(-1, len(COLUMNS))
    return table


def _read_carefully(name: str, lines: bytes, first: int) -> NDArray[np.uint8]:
    """Line by line, for the exact error, or for blanks and quotes around the numbers."""
    rows = []
    for number, line in enumerate(lines.removesuffix(b"\n").split(b"\n"), first):
        fields = line.decode(errors="replace").split(",")
        if len(fields) != len(COLUMNS):
            raise DataError(f"{name}, line {number}: {len(fields)} values, expected {len(COLUMNS)}")
        rows.append([_value(name, number, column, field) for column, field in enumerate(fields)])
    return np.array(rows, np.uint8)


def _value(name: str, line: int, column: int, field: str) -> int:
    text = field.strip().strip('"')
    text = re.sub(r"(?<=[0-9])\.0+$", "", text)
    if not re.fullmatch("[0-9]+", text):
        raise DataError(
            f"{name}, line {line}: {COLUMNS[column]} is {field.strip()[:40]!r}, expected an integer"
        )
    value = int(text[-20:])
    if value > 255 or text[:-20].strip("0"):
        raise DataError(f"{name}, line {line}: {COLUMNS[column]} is {text[:40]}, expected 0-255")
    return value
