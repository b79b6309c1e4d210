import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, model_validator

from fmnist.errors import ConfigError, IntegrityError
from fmnist.files.documents import Document, chosen_by, parse_record, record_text
from fmnist.files.yaml_files import read_document


class _Inner(Document):
    low: int
    high: int

    @model_validator(mode="after")
    def _ordered(self) -> "_Inner":
        if self.low > self.high:
            raise ValueError("low is above high")
        return self


class _Round(Document):
    kind: Literal["round"]
    radius: float = Field(gt=0)


class _Square(Document):
    kind: Literal["square"]
    side: float


class _Form(Document):
    name: str = Field(description="write what it is called")
    bounds: _Inner
    token: str = Field(default="", repr=False)
    note: str | None = Field(default=None, alias="aNote")
    shapes: tuple[Annotated[_Round | _Square, chosen_by("kind", _Round, _Square)], ...] = ()


BOUNDS = "bounds: {low: 1, high: 2}\n"


def _read(folder: Path, text: str) -> _Form:
    path = folder / "form.yaml"
    path.write_text(text)
    return read_document(path, _Form, "a form")


def test_a_good_file_becomes_its_form(tmp_path: Path) -> None:
    form = _read(tmp_path, "name: a\nbounds: {low: 1, high: 2}\n")
    assert (form.name, form.bounds.low, form.bounds.high) == ("a", 1, 2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOUNDS, r"form\.yaml: name: is missing; write what it is called$"),
        (
            "name: a\nbounds: {low: x, high: 2}",
            r"form\.yaml: bounds\.low: expected a whole number, found 'x', a string$",
        ),
        (
            "name: a\nbounds: {low: 1, high: 2, hihg: 3}",
            r"form\.yaml: bounds\.hihg: there is no such key; did you mean high\?$",
        ),
        (f"name: a\n{BOUNDS}zzz: 3", r"zzz: there is no such key; the keys here are aNote, bounds, name, sh"),
        (f"name: a\n{BOUNDS}note: 3", r"note: there is no such key; did you mean aNote\?$"),
        ("name: a\nbounds: {low: 3, high: 2}", r"form\.yaml: bounds: low is above high$"),
        (f"name: a\n{BOUNDS}token: 1234", r"form\.yaml: token: expected a string, found something else$"),
        (
            f"name: a\n{BOUNDS}shapes: [{{kind: round, radius: 0}}]",
            r"form\.yaml: shapes\.0\.radius: must be more than 0, found 0$",
        ),
        (f"name: a\n{BOUNDS}shapes: [{{kind: x}}]", r"shapes\.0\.kind: expected one of 'round', 'square', f"),
        (f"name: a\n{BOUNDS}shapes: [{{}}]", r"shapes\.0\.kind: is missing; expected one of 'round', 'sq"),
        (f"name: a\n{BOUNDS}shapes: [1]", r"form\.yaml: shapes\.0: expected a mapping, found 1$"),
        ("- 1", r"form\.yaml: expected a mapping, found a list$"),
        ("", r"form\.yaml: expected a mapping, found null$"),
        ("a: [", r"form\.yaml: cannot be read as a form"),
    ],
)
def test_a_mistake_is_told_with_file_and_field(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        _read(tmp_path, text)


def test_every_mistake_has_a_line_and_a_long_value_is_cut(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        _read(tmp_path, f"nmae: {'x' * 500}\nbounds: 3\n")
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{tmp_path / 'form.yaml'}: ") and len(line) < 300 for line in lines)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml: cannot be read as a form"):
        read_document(tmp_path / "absent.yaml", _Form, "a form")


@dataclass(frozen=True)
class Part:
    share: float
    names: tuple[str, ...]


@dataclass(frozen=True)
class Whole:
    count: int
    parts: Mapping[str, Part]
    note: str | None = None


WHOLE = Whole(2, {"a": Part(0.5, ("x", "ä"))})


def test_a_record_is_read_as_it_was_written() -> None:
    text = record_text(WHOLE, version=3)
    assert json.loads(text)["schema_version"] == 3
    assert parse_record(text, Whole, "here", version=3) == WHOLE
    assert parse_record(record_text(WHOLE), Whole, "here") == WHOLE


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"count": "2"}, "count: "),
        ({"count": 2.5}, "count: "),
        ({"more": 1}, "more: "),
        ({"parts": {"a": {"share": 0.5, "names": ["x"], "more": 1}}}, "parts.a.more: "),
        ({"parts": {"a": {"share": 0.5}}}, "parts.a.names: "),
        ({"schema_version": 2}, "schema_version is 2, this fmnist reads 3"),
    ],
)
def test_a_record_of_another_form_is_refused_with_its_field(change: dict[str, Any], said: str) -> None:
    content = json.loads(record_text(WHOLE, version=3))
    with pytest.raises(IntegrityError, match=rf"^file\.json: .*{said}"):
        parse_record(json.dumps({**content, **change}), Whole, "file.json", version=3)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "1", '"text"', "{}", "\ud800", b"\xff"])
def test_what_is_no_record_is_refused(text: str | bytes) -> None:
    with pytest.raises(IntegrityError, match=r"^file\.json: "):
        parse_record(text, Whole, "file.json", version=3)
