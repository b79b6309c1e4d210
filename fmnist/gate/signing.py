"""Keys and signatures of verdicts, and ``verify``, which everything that builds or deploys calls."""

import hashlib
import hmac
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fmnist.errors import ConfigError, GateRefused, IntegrityError
from fmnist.files.atomic import disk_errors, sync
from fmnist.gate.verdict import SIGNATURE, GateResult, KeyKind, annotation_of, kept_by, read_result
from fmnist.registry.base import ModelVersion

VARIABLE = "FMNIST_GATE_KEY"
FILE = "gate.key"
_MIN_LENGTH = 32

Target = Literal["local", "cluster"]


@dataclass(frozen=True)
class Key:
    """A secret that no repr shows; ``kind`` says whose it is."""

    kind: KeyKind
    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """16 hexadecimal digits that identify the key without revealing it."""
        return self.sign(b"the id of this key")[:16]

    def sign(self, content: bytes) -> str:
        """HMAC-SHA256 as 64 hexadecimal digits."""
        return hmac.new(self.secret, content, hashlib.sha256).hexdigest()

    def signed(self, content: bytes, signature: str) -> bool:
        """Whether ``signature`` is this key's for ``content``, compared in constant time."""
        return hmac.compare_digest(self.sign(content).encode(), signature.encode())


@dataclass(frozen=True)
class Keys:
    """Available keys: this machine's in ``file``, and CI's; None if it is not given."""

    file: Path
    ci: Key | None

    @classmethod
    def at(cls, home: Path, environ: Mapping[str, str] = os.environ) -> "Keys":
        """The key file of a home, and CI's key if ``FMNIST_GATE_KEY`` is set.

        Raises:
            ConfigError: CI's key is too short to be a secret.
        """
        given = environ.get(VARIABLE)
        if given and len(given) < _MIN_LENGTH:
            raise ConfigError(
                f"{VARIABLE}: {len(given)} characters, expected at least {_MIN_LENGTH} random ones"
            )
        return cls(home / FILE, Key("ci", given.encode()) if given else None)

    def signing(self) -> Key:
        """The key to sign with: CI's if given, else this machine's, which is made on first use."""
        if self.ci:
            return self.ci
        if not self.file.exists():
            _make(self.file)
        return _read(self.file)

    def of(self, kind: KeyKind) -> Key | None:
        """The key of that kind, None if it is not available."""
        if kind == "ci":
            return self.ci
        return _read(self.file) if self.file.exists() else None


def _make(path: Path) -> None:
    """Write a random key that only the owner can read; of two at once, the first one's stays."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w") as stream:
                stream.write(secrets.token_hex(32) + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            # Unlike a rename, a link never replaces a key that verdicts are signed with.
            path.hardlink_to(beside)
            sync(path.parent)
        except FileExistsError:
            pass
        finally:
            Path(beside).unlink()


def _read(path: Path) -> Key:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigError(f"{path}: mode is {mode:o}, so others can read the key; chmod 600 {path}")
    key = Key("local", path.read_bytes().strip())
    if len(key.secret) < _MIN_LENGTH:
        raise ConfigError(f"{path}: is not a key; remove it, and the next gate makes a new one")
    return key


def sign(result: GateResult, key: Key) -> str:
    """The annotation of ``result``: its document with the signature, as JSON."""
    document = result.document()
    return json.dumps({**document, SIGNATURE: key.sign(_canonical(document))}, allow_nan=False)


def verify(version: ModelVersion, target: Target, keys: Keys) -> GateResult:
    """The version's result, if the version may be deployed to ``target``.

    CI's verdict decides where it can be checked; for ``local``, else this machine's.

    It proves that someone who holds the key made this very verdict about this very bundle, and that it is
    a pass (by its rules, or overridden: ``result.overridden``). It does not prove that the gate was run,
    let alone run honestly: HMAC is symmetric, so whoever can check a signature can also make one. CI's key
    must therefore be a protected variable, given to the gate's and the deploying jobs only. Whoever then
    runs the bundle has to compare its SHA-256 with the version's, which ``ModelRegistry.download`` does.

    Raises:
        GateRefused: never tested, refused, signed by a key that is not available, or, for a cluster,
            signed by a machine's key or trained or tested on synthetic images.
        IntegrityError: the verdict was altered after it was signed, or is about another bundle.
    """
    name = f"version {version.number} of {version.model}"
    kept = kept_by(version)
    if not kept:
        raise GateRefused(f"{name} was never tested; run fmnist gate --version {version.number}")
    checkable = [kind for kind in kept if keys.of(kind)] if target == "local" else []
    kind = (*checkable, *kept)[0]
    result = read_result(version, kind)
    _check_subject(name, version, result)
    _check_target(name, result, target)
    _check_signature(name, version.annotations[annotation_of(kind)], result, keys)
    if not result.passed:
        rules = ", ".join(rule.name for rule in result.verdict.broken)
        raise GateRefused(f"{name} was refused by the gate: {rules}")
    return result


def signed_result(version: ModelVersion, key: Key) -> GateResult | None:
    """The result that ``key`` signed for the version, passed or refused; None if it carries none.

    Raises:
        IntegrityError: what it carries is no result, or about another bundle.
    """
    if key.kind not in kept_by(version):
        return None
    result = read_result(version, key.kind)
    _check_subject(f"version {version.number} of {version.model}", version, result)
    return result if _is_signed(version.annotations[annotation_of(key.kind)], key) else None


def _check_subject(name: str, version: ModelVersion, result: GateResult) -> None:
    if (result.model, result.version) != (version.model, version.number):
        raise IntegrityError(
            f"{name}: carries the verdict on version {result.version} of {result.model}; run the gate again"
        )


def _check_target(name: str, result: GateResult, target: Target) -> None:
    if target == "local":
        return
    if result.key != "ci":
        raise GateRefused(
            f"{name}: its verdict is signed by a machine's own key, and a cluster accepts CI's only; "
            "let the pipeline on master test it"
        )
    if result.synthetic:
        raise GateRefused(f"{name}: was trained or tested on synthetic images, which never go to a cluster")


def _check_signature(name: str, kept: str, result: GateResult, keys: Keys) -> None:
    key = keys.of(result.key)
    if key is None or key.id != result.key_id:
        here = "which is not available here" if key is None else f"the one here is {key.id}"
        raise GateRefused(
            f"{name}: its verdict is signed by the {result.key} key {result.key_id}, {here}; "
            f"run fmnist gate --version {result.version}"
        )
    if not _is_signed(kept, key):
        raise IntegrityError(f"{name}: its verdict was altered after it was signed; run the gate again")


def _is_signed(kept: str, key: Key) -> bool:
    document = json.loads(kept)
    signature = document.pop(SIGNATURE, None)
    return isinstance(signature, str) and key.signed(_canonical(document), signature)


def _canonical(document: Mapping[str, Any]) -> bytes:
    """The same bytes for the same values, whatever their layout. It must not change: verdicts are signed."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
