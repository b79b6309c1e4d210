import datetime
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from fmnist.deployment.manifest import load_manifest
from fmnist.errors import ConfigError
from fmnist.experiments import load_experiment
from fmnist.files.yaml_files import parse_yaml, read_yaml, yaml_text
from fmnist.gate.policy import read_policy
from fmnist.retraining.pachyderm.files import read_specs
from fmnist.settings import PROJECT


def test_versions_differ_in_yes_and_octal() -> None:
    text = "a: yes\nb: 0644\nc: 12e4\nd: 2024-01-01\n"
    date = datetime.date(2024, 1, 1)
    assert parse_yaml(text, "x") == {"a": True, "b": 420, "c": "12e4", "d": date}
    assert parse_yaml(text, "x", (1, 2)) == {"a": "yes", "b": 644, "c": 120000.0, "d": date}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\nb: 2\na: 3", r"line 3: a is a duplicate key, given in line 1 before"),
        ("a:\n  b: {c: 1, c: 1}", r"line 2: a\.b\.c is a duplicate key, given in line 2"),
        ("a:\n- b: 1\n  'b': 2", r"line 3: a\.0\.b is a duplicate key"),
        ('a: 1\n"\\u0061": 2', r"line 2: a is a duplicate key"),
        ("a: 1\n2024-01-01: x", r"line 2: the key '2024-01-01' is no text; put it in quotes"),
        ("a:\n  1: x", r"line 2: the key '1' in a is no text"),
        ("? [a, b]\n: x", r"line 1: the key a list or a mapping is no text"),
        ("a:\n  ~: x", r"line 2: the key '~' in a is no text"),
        ("a: .NaN", r"line 1: a: \.NaN is not a finite number"),
        ("a: [1, -.inf]", r"line 1: a\.1: -\.inf is not a finite number"),
        ("a: &a [*a]", r"more than 100,000 values"),
        (
            "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
            "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
            "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]",
            "more than 100,000 values",
        ),
        ('a: !!python/object/apply:os.mkdir ["x"]', r"line 1: a: !!python/object/apply:os\.mkdir is no tag"),
        ("a: !!binary aGk=", r"line 1: a: !!binary is no tag"),
        ("a: !mine 1", r"line 1: a: !mine is no tag"),
        ("a: 1\n---\na: 2", r"line 2: but found another document"),
        ("a: 1\n\tb: 2", r"line 2: "),
        ("a: [" * 3000, r"."),
        ("a: \x01", r"(unacceptable character #x0001: )?special characters are not allowed"),
    ],
)
@pytest.mark.parametrize("version", [(1, 1), (1, 2)])
def test_a_mistake_is_one_line_with_its_place(text: str, says: str, version: tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match=rf"^gate\.yaml: {says}") as caught:
        parse_yaml(text, "gate.yaml", version)
    assert "\n" not in str(caught.value)


def test_merges_and_aliases_stay() -> None:
    text = "base: &b {x: 1, y: 2}\none: {<<: *b, y: 3}\ntwo: *b\n"
    assert parse_yaml(text, "x") == {
        "base": {"x": 1, "y": 2},
        "one": {"x": 1, "y": 3},
        "two": {"x": 1, "y": 2},
    }


@pytest.mark.parametrize(
    ("file", "read"),
    [
        ("gate.yaml", read_policy),
        ("deploy/deploy.yaml", load_manifest),
        ("const.yaml", load_experiment),
        ("pipelines/fmnist-validate.yaml", lambda path: read_specs([path])),
    ],
)
def test_every_file_that_people_write_refuses_a_duplicate_key(tmp_path: Path, file: str, read: Any) -> None:
    text = (PROJECT / file).read_text()
    last = next(line for line in reversed(text.splitlines()) if line[:1].isalpha())
    path = tmp_path / Path(file).name
    path.write_text(f"{text}\n{last}\n")
    with pytest.raises(
        ConfigError, match=rf"{path.name}: .*line \d+: {last.split(':')[0]} is a duplicate key"
    ):
        read(path)


def test_a_byte_order_mark_and_umlauts_are_read_in_any_locale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes("\ufeffa: größe\r\n".encode())
    assert read_yaml(path, "a file") == {"a": "größe"}
    path.write_bytes("a: größe".encode("utf-16"))
    with pytest.raises(ConfigError, match=r"a\.yaml: cannot be read as a file: 'utf-8' codec"):
        read_yaml(path, "a file")


def test_threads_may_write_at_once() -> None:
    documents = [
        {"name": f"n{number}", "hyperparameters": {"b": [1, 2.5], "a": "on"}} for number in range(400)
    ]
    with ThreadPoolExecutor(8) as threads:
        texts = list(threads.map(yaml_text, documents))
    assert [yaml.safe_load(text) for text in texts] == documents
    assert texts[0].index("b:") < texts[0].index("a:")
