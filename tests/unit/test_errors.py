"""Every error says by its class what to do next."""

import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmnist import errors
from fmnist.settings import PROJECT


def classes() -> list[type[errors.FmnistError]]:
    found = [errors.FmnistError]
    for cls in found:
        found.extend(cls.__subclasses__())
    return [cls for cls in found if cls.__module__ == errors.__name__]


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    tree = errors.__doc__ or ""
    for cls in classes():
        line = next(line for line in tree.splitlines() if cls.__name__ in line.split())
        assert f"exit {cls.exit_code}," in line
        assert f"HTTP {cls.http_status}" in line


def test_exit_codes_keep_clear_of_those_with_a_meaning() -> None:
    assert all(3 <= cls.exit_code <= 12 for cls in classes() if cls is not errors.FmnistError)


def test_the_page_of_exit_codes_is_complete() -> None:
    page = (PROJECT / "docs" / "path.md").read_text().partition("## Exit codes")[2]
    for cls in classes():
        (row,) = [line for line in page.splitlines() if f"`{cls.__name__}`" in line]
        assert re.match(rf"\| {cls.exit_code} \|", row)


def test_every_error_has_one_status_of_an_error_in_http() -> None:
    assert all(400 <= cls.http_status <= 599 for cls in classes())


SECRET = "Gr4nite"


@pytest.mark.parametrize(
    "text",
    [
        f"http://ada:{SECRET}@127.0.0.1:1/x: connection failed",
        f"postgresql+psycopg2://ada:p@{SECRET}@db.example.com/fmnist",
        f"http://ada:7/{SECRET}@host/x",
        f"http://:{SECRET}@host",
        f"redis://ada:#{SECRET}?@host:8080/",
        f"Invalid URL 'ada:{SECRET}@host/x': No scheme supplied",
        f"ada:{SECRET}@localhost:8080",
        f"https://glpat-0123456789-{SECRET}@gitlab.example.com/group/project.git",
        f"https://oauth2:{SECRET}@gitlab.example.com/group/project.git",
        f"http://host/path?user=ada&password={SECRET}&x=1",
        f"s3://bucket/key?X-Amz-Security-Token={SECRET}",
        f"socks5://ada:{SECRET}@[::1]:1080",
        f"http://a:{SECRET}@one,http://b:{SECRET}@two",
    ],
)
def test_no_error_shows_a_password(text: str) -> None:
    error = errors.UnavailableError(text)
    assert SECRET not in str(error)
    assert "***" in str(error)
    assert SECRET not in repr(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8080/seldon/default/fashion-classifier: connection failed",
        "http://host:8080/a@b and http://[::1]:8080/a@b",
        "ssh://git@github.com/owner/name, git@github.com:owner/name.git",
        "image registry.example.com/trial:1.0@sha256:0123456789abcdef",
        "line 3: expected a@b, got c; at 12:30:01 ada@host wrote",
        "data.tensor: expected shape [28, 28]; binData: data:image/png;base64",
        "grpc://pachd.example.com:30650: unavailable; see ada@example.com",
        "sqlite:////home/ada/a b%2Fc/catalogue.db",
    ],
)
def test_what_is_no_password_stays(text: str) -> None:
    assert errors.mask_passwords(text) == text


@given(
    st.text(
        st.characters(codec="utf-8", exclude_characters="\"'<>", exclude_categories=["Z", "C"]), min_size=1
    ),
    st.sampled_from(["http", "https", "grpc", "postgresql", "s3"]),
)
def test_whatever_the_password_holds(password: str, scheme: str) -> None:
    password = f"{SECRET}{password}"
    masked = errors.mask_passwords(f"at {scheme}://ada:{password}@host.example.com/x: down")
    assert masked == f"at {scheme}://ada:***@host.example.com/x: down"
