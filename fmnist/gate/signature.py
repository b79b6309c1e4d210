"""Signing a verdict, and the one function that everything which builds or deploys asks."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from fmnist.errors import GateRefused, IntegrityError
from fmnist.gate.keys import Key, Keys
from fmnist.gate.result import SIGNATURE, GateResult, annotation_of, kept_by, read_result
from fmnist.registry.base import ModelVersion

Target = Literal["local", "cluster"]


def sign(result: GateResult, key: Key) -> str:
    """The annotation that keeps ``result``: its document with the signature, as JSON."""
    document = result.document()
    return json.dumps({**document, SIGNATURE: key.sign(_canonical(document))}, allow_nan=False)


def verify(version: ModelVersion, target: Target, keys: Keys) -> GateResult:
    """The version's result, if the version may go to ``target``.

    CI's verdict decides where it can be checked; for ``local``, else this machine's own.

    What this proves: someone who holds the key made this very verdict about this very bundle, and
    it is a pass (by its rules, or forced: ``result.forced``). It does not prove that the gate was
    run, let alone run honestly: HMAC is symmetric, so whoever can check a signature can also make
    one. CI's key must therefore be a protected variable, given to the gate's and the deploying
    jobs only. Whoever then runs the bundle has to compare its SHA-256 with the version's, which
    ``ModelRegistry.download`` does.

    Raises:
        GateRefused: never tested, refused, signed by a key that is not here, or, for a cluster,
            signed by a machine's own key or made of drawn images.
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
            f"{name}: its verdict is signed by a machine's own key, and a cluster takes CI's only; "
            "let the pipeline on master test it"
        )
    if result.synthetic:
        raise GateRefused(f"{name}: was trained or tested on drawn images, which never go to a cluster")


def _check_signature(name: str, kept: str, result: GateResult, keys: Keys) -> None:
    key = keys.of(result.key)
    if key is None or key.id != result.key_id:
        here = "there is none here" if key is None else f"the one here is {key.id}"
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
    """The same bytes for the same values, however they were laid out."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
