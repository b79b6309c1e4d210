"""The commands that the documentation shows, for tests that follow it."""

import re
import shlex
from collections.abc import Iterator

import click

from fmnist.settings import PROJECT

PAGES = ("README.md", *sorted(f"docs/{path.name}" for path in (PROJECT / "docs").glob("*.md")))

_HEREDOC = re.compile(r"<<'(\w+)'.*?\n\1\n", re.DOTALL)


def script(page: str) -> str:
    """All that a page has for the shell."""
    return "\n".join(re.findall(r"```sh\n(.*?)```", (PROJECT / page).read_text(), re.DOTALL))


def commands(page: str, program: str) -> Iterator[list[str]]:
    """The words after ``program`` of each of its commands on a page."""
    text = _HEREDOC.sub("\n", script(page)).replace("\\\n", " ")
    for line in text.splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        command: list[str] = []
        for word in [*words, ";"]:
            if set(word) <= set(";&|()<>"):
                if command[:1] == [program]:
                    yield command[1:]
                command = []
            elif command or not re.match(r"\w+=", word):
                command.append(word)


def take(command: click.Command, words: list[str]) -> None:
    """Read ``words`` as ``command`` does before it begins, and end there; no file needs to exist.

    Raises:
        click.UsageError: it has no such verb, option or value.
    """
    context = None
    while True:
        try:
            context = command.make_context(command.name, list(words), parent=context)
        except click.BadParameter as error:
            if not error.param or not isinstance(error.param.type, click.Path):
                raise
            return
        if not isinstance(command, click.Group) or not context._protected_args:
            return
        _, found, words = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found
        command = found
