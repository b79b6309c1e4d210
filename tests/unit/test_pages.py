"""What the documentation shows is what there is: each command is read as its program reads it.

Pages that are followed to their end have tests of their own; see who uses ``tests.support.pages``.
"""

import re

import click
import pytest

from fmnist.cli.main import fmnist
from fmnist.settings import PROJECT
from tests.support.pages import PAGES, commands, take


@pytest.mark.parametrize("page", PAGES)
def test_fmnist_takes_every_command(page: str) -> None:
    for words in commands(page, "fmnist"):
        take(fmnist, words)


@pytest.mark.parametrize("words", [["nothing"], ["data", "fetch", "--nothing"], ["promote", "soon"]])
def test_another_command_would_not_be_taken(words: list[str]) -> None:
    with pytest.raises(click.UsageError):
        take(fmnist, words)


@pytest.mark.parametrize("page", PAGES)
def test_make_has_every_target(page: str) -> None:
    targets = re.findall(r"^([a-z-]+):.*## ", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    for target, *_ in commands(page, "make"):
        assert target in targets


def test_commands_are_found() -> None:
    assert [words[0] for words in commands("README.md", "make")][:2] == ["demo", "test"]
    assert ["promote", "1"] in list(commands("docs/gate.md", "fmnist"))
    assert ["contract-real"] in list(commands("docs/cluster-training.md", "make"))


def test_the_architecture_names_files_that_are_there() -> None:
    paths = re.findall(r"`((?:fmnist|tests)/[\w./]+)`", (PROJECT / "docs" / "architecture.md").read_text())
    assert len(paths) > 20
    # Capitals stand for names of an engine to come.
    assert [path for path in paths if path.islower() and not (PROJECT / path).exists()] == []
