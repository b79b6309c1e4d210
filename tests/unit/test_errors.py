"""Every error says by its class what to do next."""

import re

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
