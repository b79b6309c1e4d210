"""The keys that verdicts are signed with: CI's from the environment, this machine's from a file."""

import hashlib
import hmac
import os
import secrets
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fmnist.errors import ConfigError

VARIABLE = "FMNIST_GATE_KEY"
FILE = "gate.key"
KeyKind = Literal["local", "ci"]

_LEAST_LENGTH = 32


@dataclass(frozen=True)
class Key:
    """A secret that never shows itself. ``kind`` says whose it is."""

    kind: KeyKind
    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """16 hexadecimal digits that tell keys apart and do not give them away."""
        return self.sign(b"the id of this key")[:16]

    def sign(self, content: bytes) -> str:
        """HMAC-SHA256 as 64 hexadecimal digits."""
        return hmac.new(self.secret, content, hashlib.sha256).hexdigest()

    def signed(self, content: bytes, signature: str) -> bool:
        """Whether ``signature`` is this key's for ``content``; takes the same time either way."""
        return hmac.compare_digest(self.sign(content).encode(), signature.encode())


@dataclass(frozen=True)
class Keys:
    """The keys at hand. ``file`` is where this machine's is; ``ci`` is None where CI's is not given."""

    file: Path
    ci: Key | None

    @classmethod
    def at(cls, home: Path, environ: Mapping[str, str] = os.environ) -> "Keys":
        """The key file of a home, and CI's key if ``FMNIST_GATE_KEY`` is set.

        Raises:
            ConfigError: CI's key is too short to be a secret.
        """
        given = environ.get(VARIABLE)
        if given and len(given) < _LEAST_LENGTH:
            raise ConfigError(
                f"{VARIABLE}: {len(given)} characters, expected at least {_LEAST_LENGTH} random ones"
            )
        return cls(home / FILE, Key("ci", given.encode()) if given else None)

    def signing(self) -> Key:
        """CI's key where it is given, else this machine's, which is made on first use."""
        if self.ci:
            return self.ci
        if not self.file.exists():
            _make(self.file)
        return _read(self.file)

    def of(self, kind: KeyKind) -> Key | None:
        """The key of that kind, None if it is not here."""
        if kind == "ci":
            return self.ci
        return _read(self.file) if self.file.exists() else None


def _make(path: Path) -> None:
    """Write a fresh key that only the owner can read; whoever comes second keeps the first's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w") as stream:
            stream.write(secrets.token_hex(32) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        # A link, unlike a rename, never takes the place of a key that verdicts are signed with.
        path.hardlink_to(beside)
    except FileExistsError:
        pass
    finally:
        Path(beside).unlink()


def _read(path: Path) -> Key:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigError(f"{path}: mode is {mode:o}, so others can read the key; chmod 600 {path}")
    key = Key("local", path.read_bytes().strip())
    if len(key.secret) < _LEAST_LENGTH:
        raise ConfigError(f"{path}: is no key; remove it, and the next gate makes a new one")
    return key
