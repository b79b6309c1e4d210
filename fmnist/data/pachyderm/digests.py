"""SHA256SUMS, the file in a Pachyderm repo with the digests of the others.

``sha256sum -c SHA256SUMS`` reads it too: to that program the first line, which keeps the commit's
message, is a comment. Pachyderm keeps hashes of its own, which are not SHA-256, and no message.
"""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from fmnist.data.base import StoredFile

NAME = "SHA256SUMS"

_MESSAGE = "# fmnist "
_LINE = re.compile(r"([0-9a-fA-F]{64}) [ *](?:\./)?(.+)")


@dataclass(frozen=True)
class Digests:
    """Content of a SHA256SUMS: SHA-256 by file name, and the commit's message if fmnist wrote it."""

    message: str | None = None
    by_name: dict[str, str] = field(default_factory=dict)


def write(files: Iterable[StoredFile], message: str) -> bytes:
    """The file's bytes; ``read`` gives the same message and digests back."""
    lines = [f"{_MESSAGE}{json.dumps(message)}"]
    lines += [f"{file.sha256}  {file.name}" for file in sorted(files, key=lambda file: file.name)]
    return "".join(f"{line}\n" for line in lines).encode()


def read(content: bytes) -> Digests:
    """What the file claims; lines of any other form, as people may write, claim nothing."""
    message, by_name = None, {}
    for line in content.decode(errors="replace").split("\n"):
        if line.startswith(_MESSAGE):
            with suppress(ValueError):
                message = str(json.loads(line.removeprefix(_MESSAGE)))
        elif match := _LINE.fullmatch(line.removesuffix("\r")):
            by_name[match[2]] = match[1].lower()
    return Digests(message, by_name)
