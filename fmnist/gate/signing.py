"""Keys and signatures of verdicts, and ``verify``, which everything that builds or deploys calls."""

import hashlib
import hmac
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from fmnist.errors import ConfigError, GateRefused, IntegrityError
from fmnist.files.atomic import disk_errors, sync
from fmnist.gate.verdict import SIGNATURE, GateResult, KeyKind, annotation_of, kept_by, read_result
from fmnist.registry.base import ModelVersion

VARIABLE = "FMNIST_GATE_KEY"
FILE = "gate.key"
_MIN_LENGTH = 32
_CLOCKS = timedelta(minutes=10)
"""How far the clocks of two machines may differ."""

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

    def available(self) -> Key | None:
        """The key to check with: CI's if given, else this machine's if there is one; none is made."""
        return self.ci or self.of("local")

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


@dataclass(frozen=True)
class Demands:
    """What a verdict must be about to let a version serve that did not serve before.

    Attributes:
        policy_sha256: digest of the gate.yaml that applies now.
        test_files: digests by file name of the newest test data; None where there are none to compare with.
        sequences: number of a bundle's newest verdict by kind of key, by the bundle's digest.
        now: time, in UTC.
    """

    policy_sha256: str
    test_files: Mapping[str, str] | None
    sequences: Callable[[str], Mapping[str, int]]
    now: datetime


def verify(version: ModelVersion, target: Target, keys: Keys, demands: Demands | None = None) -> GateResult:
    """The version's result, if the version may be deployed to ``target``.

    It proves that someone who holds the key made this very verdict about this very bundle, and that it is
    a pass (by its rules, or overridden: ``result.overridden``); with ``demands``, that it is the newest, by
    the policy and on the test data that apply now. It does not prove that the gate was run, let alone run
    honestly: HMAC is symmetric, so whoever can check a signature can also make one. CI's key must therefore
    be a protected variable, given to the gate's and the deploying jobs only. Whoever then runs the bundle
    has to compare its SHA-256 with the version's, which ``ModelRegistry.download`` does.

    Raises:
        GateRefused: refused, or the verdict is not what is demanded; else as ``verify_signature``.
        IntegrityError: an older verdict stands in place of a newer one; else as ``verify_signature``.
    """
    result = verify_signature(version, target, keys)
    name = _name(version)
    if demands:
        _check_newest(name, version, result, demands)
    if not result.passed:
        rules = ", ".join(rule.name for rule in result.verdict.broken)
        raise GateRefused(f"{name} was refused by the gate: {rules}")
    if demands and not result.overridden:
        _check_demands(name, result, demands)
    return result


def verify_signature(version: ModelVersion, target: Target, keys: Keys) -> GateResult:
    """The version's result, passed or not, if its signature holds for ``target``.

    CI's verdict decides where it can be checked; for ``local``, else this machine's.

    Raises:
        GateRefused: never tested, signed by a key that is not available, or, for a cluster, signed by a
            machine's key or trained or tested on synthetic images.
        IntegrityError: the verdict was altered after it was signed, or is about another bundle.
    """
    name, kept = _name(version), kept_by(version)
    if not kept:
        raise GateRefused(f"{name} was never tested; run fmnist gate --version {version.number}")
    checkable = [kind for kind in kept if keys.of(kind)] if target == "local" else []
    kind = (*checkable, *kept)[0]
    result = read_result(version, kind)
    _check_subject(name, version, result)
    _check_target(name, result, target)
    _check_signature(name, version.annotations[annotation_of(kind)], result, keys)
    return result


def signed_result(version: ModelVersion, key: Key) -> GateResult | None:
    """The result that ``key`` signed for the version, passed or refused; None if it carries none.

    Raises:
        IntegrityError: what it carries is no result, or about another bundle.
    """
    if key.kind not in kept_by(version):
        return None
    result = read_result(version, key.kind)
    _check_subject(_name(version), version, result)
    return result if _is_signed(version.annotations[annotation_of(key.kind)], key) else None


def _name(version: ModelVersion) -> str:
    return f"version {version.number} of {version.model}"


def _check_newest(name: str, version: ModelVersion, result: GateResult, demands: Demands) -> None:
    """An older verdict, put back in place of a newer one, has a smaller number than the newest."""
    again = f"run fmnist gate --version {version.number}"
    if datetime.fromisoformat(result.time) > demands.now + _CLOCKS:
        raise IntegrityError(f"{name}: its verdict is of {result.time}, which is yet to come; {again}")
    for kind, newest in demands.sequences(version.bundle_sha256).items():
        if kind not in kept_by(version):
            raise IntegrityError(f"{name}: verdict {newest}, signed by the {kind} key, is gone; {again}")
        if kind == result.key and result.sequence < newest:
            raise IntegrityError(
                f"{name}: carries verdict {result.sequence or 'without a number'}, although verdict {newest} "
                f"was given later; {again}"
            )


def _check_demands(name: str, result: GateResult, demands: Demands) -> None:
    again = f"run fmnist gate --version {result.version}"
    if result.policy_sha256 != demands.policy_sha256:
        raise GateRefused(
            f"{name}: was tested by another gate.yaml ({result.policy_sha256[:12]}) than that which applies "
            f"now ({demands.policy_sha256[:12]}); {again}"
        )
    if demands.test_files is not None and dict(result.test_data.sha256) != dict(demands.test_files):
        raise GateRefused(
            f"{name}: was tested on {result.test_data.repo}@{result.test_data.commit}, and there are newer "
            f"test data; {again}"
        )


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
