"""Rules for pipeline specs beyond their types: what pachd accepts, although no job would run as meant.

``FIELDS``, ``REQUIRED`` and ``MESSAGES`` are keyed by the names of Pachyderm's protobuf messages.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from fmnist.retraining.pachyderm.schedule import check_schedule

IMAGE = "${FMNIST_IMAGE}"
"""Placeholder in a spec for the image that ``render`` is given."""

ANNOTATIONS = "fmnist."
"""Prefix of the annotations that ``apply`` writes."""

NOT_IN_FILES = frozenset(
    ("commit", "details_json", "determined", "dry_run", "reprocess", "spec_commit", "tf_job", "update")
)
"""Fields that pachd or its client sets, or that it refuses without authentication."""

Message = Mapping[str, Any]
"""A protobuf message as plain values by field name; a field with a mistake is None."""

Rule = tuple[Callable[[Any], object], str]
"""A check, false or a ValueError for a wrong value, and what is expected instead."""

Mistakes = Iterator[tuple[str, str]]
"""(field, what is wrong with it), the field '' for the message as a whole."""

_LONGEST_NAME = 51
_STORAGES = ("azblob", "gs", "minio", "s3", "wasb")  # src/internal/obj/url.go
_PATCHES = ("add", "copy", "move", "remove", "replace", "test")
_CLOSING = {"[": "]", "{": "}", "(": ")"}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"PASS(?!IVE)|TOKEN|SECRET|CREDENTIAL|PRIVATE_KEY|ACCESS_KEY", re.IGNORECASE)
_LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_SECONDS = re.compile(r"\d+(\.\d{1,9})?s")
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(m|[kMGTPE]|[KMGTPE]i)?")
# https://github.com/distribution/reference/blob/main/regexp.go
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d+)?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*(?::(?P<tag>\w[\w.-]{{0,127}}))?(?:@(?P<digest>sha256:[0-9a-f]{{64}}))?"
)


def check_image(image: str) -> bool:
    """True if the text names an image by digest or a fixed tag; raises ValueError if not."""
    found = _REFERENCE.fullmatch(image)
    if not found:
        raise ValueError("expected an image such as registry.example.com/fmnist-train:1.4.0")
    if not found["digest"] and found["tag"] in (None, "latest"):
        raise ValueError("a mutable tag does not say what ran; give a digest, or a tag other than latest")
    return True


def leaves(node: Message) -> Iterator[tuple[str, Message]]:
    """The (kind, message) of the repos and clocks at the ends of an input's tree."""
    for kind in ("pfs", "cron"):
        if node.get(kind):
            yield kind, node[kind]
    for kind in ("cross", "union", "join", "group"):
        for inner in node.get(kind) or ():
            yield from leaves(inner)


def _pipeline_name(name: str) -> bool:
    if len(name) > _LONGEST_NAME:
        raise ValueError(f"is {len(name)} characters long, at most {_LONGEST_NAME} are allowed")
    return bool(re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name))


def _input_name(name: str) -> bool:
    if name == "out":
        raise ValueError("input cannot be named out: /pfs/out is where results go")
    return bool(_VARIABLE.fullmatch(name))


def _glob(pattern: str) -> bool:
    expected: list[str] = []
    for character in re.sub(r"\\.", "", pattern):
        if character in _CLOSING:
            expected.append(_CLOSING[character])
        elif character in _CLOSING.values() and (not expected or expected.pop() != character):
            raise ValueError(f"{character} closes nothing")
    if expected:
        raise ValueError(f"{expected[-1]} is missing")
    return pattern.startswith("/")


def _storage(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in _STORAGES and bool(parts.netloc)


def _patch(text: str) -> bool:
    """JSON Patch, RFC 6902; only pachd sees whether it applies."""
    steps = json.loads(text)
    return isinstance(steps, list) and all(
        isinstance(step, dict) and step.get("op") in _PATCHES and str(step.get("path", "")).startswith("/")
        for step in steps
    )


def _bytes_of(quantity: str) -> Decimal:
    """A quantity of Kubernetes, such as ``512Mi``, as a number; 0 for other text.

    Not by kubernetes.utils.parse_quantity: that takes ``-1Gi`` and ``NaN``, and its import 1.7 seconds.
    """
    found = _QUANTITY.fullmatch(quantity)
    if not found:
        return Decimal(0)
    unit = found[2] or ""
    power = -1 if unit == "m" else " KMGTPE".index(unit[:1].upper() or " ")
    return Decimal(found[1]) * Decimal(1024 if unit.endswith("i") else 1000) ** power


def _pattern(pattern: str, expected: str) -> Rule:
    return re.compile(pattern, re.DOTALL).fullmatch, expected


def _words(*words: str) -> Rule:
    return words.__contains__, f"one of {', '.join(words)}"


_COUNT: Rule = lambda number: int(number) >= 1, "at least 1"
_PORT: Rule = lambda number: 1 <= number <= 65535, "1 to 65535"
_TEXT: Rule = bool, "some text"
_SCHEDULE: Rule = check_schedule, "a schedule"
_INPUT_NAME: Rule = _input_name, "letters, digits and _: it becomes the name of an environment variable"
_REPO = _pattern("[A-Za-z0-9_-]+", "letters, digits, _ and -")
_PATH = _pattern("/.*", "an absolute path")
_BYTES: Rule = _bytes_of, 'an amount such as "512Mi" or "1Gi"'
_STORAGE: Rule = _storage, f"SCHEME://BUCKET/FOLDER with one of {', '.join(_STORAGES)}"
_DURATION: Rule = lambda text: _SECONDS.fullmatch(text) and float(text[:-1]), 'seconds such as "7200s"'

FIELDS: Mapping[str, Rule] = {
    "CreatePipelineRequest.datum_timeout": _DURATION,
    "CreatePipelineRequest.datum_tries": _COUNT,
    "CreatePipelineRequest.job_timeout": _DURATION,
    "CreatePipelineRequest.output_branch": _TEXT,
    "CreatePipelineRequest.pod_patch": (_patch, 'a JSON patch: [{"op": ..., "path": "/..."}, ...]'),
    "CreatePipelineRequest.pod_spec": (lambda text: isinstance(json.loads(text), dict), "a JSON object"),
    "CreatePipelineRequest.reprocess_spec": _words("until_success", "every_job"),
    "CronInput.name": _INPUT_NAME,
    "CronInput.repo": _REPO,
    "CronInput.spec": _SCHEDULE,
    "DatumSetSpec.number": _COUNT,
    "DatumSetSpec.per_worker": _COUNT,
    "DatumSetSpec.size_bytes": _COUNT,
    "Egress.URL": _STORAGE,
    "FileFormat.type": _words("CSV", "JSON", "PARQUET"),
    "GPUSpec.number": _COUNT,
    "GPUSpec.type": _TEXT,
    "ObjectStorageEgress.url": _STORAGE,
    "PFSInput.branch": _pattern("[A-Za-z0-9_][A-Za-z0-9_./-]*", "the name of a branch"),
    "PFSInput.glob": (_glob, "a pattern that begins with /, such as / or /*"),
    "PFSInput.name": _INPUT_NAME,
    "PFSInput.repo": _REPO,
    "ParallelismSpec.constant": _COUNT,
    "Pipeline.name": (_pipeline_name, "lower-case letters, digits and dashes: it names a pod"),
    "Project.name": _words("default"),
    "ResourceSpec.cpu": (lambda cores: cores > 0, "more than 0"),
    "ResourceSpec.disk": _BYTES,
    "ResourceSpec.memory": _BYTES,
    "SQLDatabaseEgress.url": _TEXT,
    "Secret.key": _TEXT,
    "Secret.name": _TEXT,
    "SecretMount.env_var": (_VARIABLE.fullmatch, "the name of an environment variable"),
    "SecretMount.key": _TEXT,
    "SecretMount.mount_path": _PATH,
    "SecretMount.name": _pattern("[a-z0-9]([-a-z0-9.]*[a-z0-9])?", "the name of a Kubernetes secret"),
    "Service.external_port": _PORT,
    "Service.internal_port": _PORT,
    "Service.type": _words("ClusterIP", "LoadBalancer", "NodePort"),
    "Toleration.effect": _words("ALL_EFFECTS", "NO_SCHEDULE", "PREFER_NO_SCHEDULE", "NO_EXECUTE"),
    "Toleration.operator": _words("EXISTS", "EQUAL"),
    "Transform.cmd": (lambda cmd: cmd and cmd[0].strip(), "a program and its arguments"),
    "Transform.image": (lambda image: image == IMAGE or check_image(image), "an image"),
    "Transform.working_dir": _PATH,
    "Trigger.branch": _TEXT,
    "Trigger.commits": _COUNT,
    "Trigger.cron_spec": _SCHEDULE,
}
"""Checks of single values."""

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "CreatePipelineRequest": ("pipeline", "transform"),
    "CronInput": ("name", "spec"),
    "FileFormat": ("type",),
    "GPUSpec": ("type", "number"),
    "ObjectStorageEgress": ("url",),
    "PFSInput": ("repo", "name", "branch", "glob"),
    "ParallelismSpec": ("constant",),
    "Pipeline": ("name",),
    "Project": ("name",),
    "SQLDatabaseEgress": ("url", "file_format", "secret"),
    "Secret": ("name", "key"),
    "SecretMount": ("name",),
    "Service": ("internal_port", "type"),
    "Transform": ("image", "cmd"),
    "Trigger": ("branch",),
}


def _request(spec: Message) -> Mistakes:
    spout, service = spec.get("spout"), spec.get("service")
    if "input" not in spec and "spout" not in spec:
        yield "input", "is missing, so nothing would ever start a job"
    if spec.get("input") and spout is not None and not spout.get("service"):
        yield "input", "a spout without a service must not have an input"
    if service and (spec.get("parallelism_spec") or {}).get("constant", 1) != 1:
        yield "parallelism_spec", "a service runs with a constant of 1 only"
    if spec.get("autoscaling") and spout is not None:
        yield "autoscaling", "cannot be used with a spout, because nothing triggers one"
    if spec.get("s3_out") and (service or spout is not None):
        yield "s3_out", "can be used neither with a service nor with a spout"
    for group in ("resource", "sidecar_resource"):
        requests, limits = spec.get(f"{group}_requests") or {}, spec.get(f"{group}_limits") or {}
        for name, amount in (("cpu", Decimal), ("memory", _bytes_of), ("disk", _bytes_of)):
            asked, most = requests.get(name), limits.get(name)
            if asked and most and amount(asked) > amount(most):
                yield f"{group}_limits", f"{name} {asked} is requested, the limit is {most}"


def _input(node: Message) -> Mistakes:
    kinds = [kind for kind, value in node.items() if value != []]
    if len(kinds) != 1:
        yield "", f"expected one of pfs, cron, cross, union, join, group, got {', '.join(kinds) or 'none'}"
    for kind in ("cross", "join", "group"):
        names = [leaf.get("name") for inner in node.get(kind) or () for _, leaf in leaves(inner)]
        for name in sorted({name for name in names if name and names.count(name) > 1}):
            yield kind, f'name "{name}" is used more than once'
    for kind, key in (("join", "join_on"), ("group", "group_by")):
        for leaf_kind, leaf in (pair for inner in node.get(kind) or () for pair in leaves(inner)):
            if leaf_kind == "pfs" and (not leaf.get(key) or leaf.get("s3")):
                yield kind, f"{leaf.get('name')}: an input of a {kind} needs {key}, and no s3"


def _pfs(source: Message) -> Mistakes:
    if source.get("s3") and source.get("glob") not in (None, "/"):
        yield "s3", "inputs with s3 must have glob /: the gateway shows whole commits"
    if source.get("s3") and (source.get("lazy") or source.get("empty_files")):
        yield "s3", "s3 can be used neither with lazy nor with empty_files"


def _metadata(metadata: Message) -> Mistakes:
    for name, value in (metadata.get("labels") or {}).items():
        if name == "app":
            yield "labels", 'pachd overwrites "app" with "pipeline"; choose another key'
        if not _LABEL.fullmatch(value):
            yield "labels", f"{name}: {value!r} is not a valid value of a label"
    for name in metadata.get("annotations") or {}:
        if name.startswith(ANNOTATIONS):
            yield "annotations", f"{name}: keys that begin with {ANNOTATIONS} are written by apply"


def _secret_mount(secret: Message) -> Mistakes:
    if "env_var" not in secret and "mount_path" not in secret:
        yield "", "has neither env_var nor mount_path, so the pod would not see it"
    if "env_var" in secret and "key" not in secret:
        yield "", "has env_var but no key: which of the secret's values is it?"


def _transform(transform: Message) -> Mistakes:
    env, secrets = transform.get("env") or {}, transform.get("secrets") or ()
    for name in env:
        if not _VARIABLE.fullmatch(name):
            yield "env", f"{name!r} is not the name of an environment variable"
        if _SECRET.search(name):
            yield "env", f"{name} would be readable in the spec; take it from transform.secrets"
    for field in ("env_var", "mount_path"):
        given = [secret[field] for secret in secrets if secret and secret.get(field)]
        for value in sorted({value for value in given if given.count(value) > 1}):
            yield "secrets", f"{field} {value} is given more than once"
    if both := sorted(set(env) & {secret.get("env_var") for secret in secrets if secret}):
        yield "", f"{', '.join(both)}: both in env and in secrets; keep one"


MESSAGES: Mapping[str, Callable[[Message], Mistakes]] = {
    "CreatePipelineRequest": _request,
    "Input": _input,
    "Metadata": _metadata,
    "PFSInput": _pfs,
    "SecretMount": _secret_mount,
    "Transform": _transform,
}
"""Checks of fields that depend on each other."""
