"""Pipelines on a Pachyderm server."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import grpc  # type: ignore[import-untyped, unused-ignore]

from fmnist.clients.pachyderm.connection import Connection
from fmnist.clients.pachyderm.errors import status_of, translated
from fmnist.data.pachyderm.revisions import commit_of
from fmnist.errors import ConfigError, IntegrityError, NotFoundError, UnavailableError
from fmnist.retraining.pachyderm.base import Change, Deployed

_STATE = "PIPELINE_"
_CONFLICT = "SQLSTATE"
_ATTEMPTS = 3


class PachydermPipelines:
    """A ``PipelineServer``; nothing is asked there before first use."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, name: str) -> Deployed | None:
        try:
            with self._connection.errors(f"pipeline {name}"):
                info = next(iter(self._connection.client.inspect_pipeline(name, details=True)))
        except NotFoundError:
            return None
        return _deployed(info)

    def put(self, changes: Sequence[Change]) -> None:
        self._within_a_transaction(changes, finish=True)

    def try_out(self, changes: Sequence[Change]) -> None:
        # pachd's own dry run asks neither for secrets nor for repos; a transaction that is not finished does.
        self._within_a_transaction(changes, finish=False)

    def _within_a_transaction(self, changes: Sequence[Change], *, finish: bool) -> None:
        """Of two that change pipelines at once, pachd's database refuses one, who tries again."""
        for left in reversed(range(_ATTEMPTS)):
            try:
                with (
                    suppress(_TriedOut),
                    self._connection.errors("pipelines"),
                    self._connection.client.transaction(),
                ):
                    self._send(changes)
                    if not finish:
                        raise _TriedOut
                return
            except UnavailableError as error:
                if _CONFLICT not in str(error) or not left:
                    raise

    def _send(self, changes: Sequence[Change]) -> None:
        for change in changes:
            request = _request(change)
            try:
                self._connection.client.create_pipeline_from_request(request)
            except grpc.RpcError as error:
                what = f"{change.where}: pipeline {request.pipeline.name}"
                status, words = status_of(error)
                if _CONFLICT in words:
                    raise UnavailableError(f"{what}: {words}; try again") from error
                # What pachd has against a spec comes as UNKNOWN.
                if status in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INVALID_ARGUMENT):
                    raise ConfigError(f"{what}: {self._connection.pachd.url} says: {words}") from error
                raise translated(self._connection.pachd, what, error) from error

    def branches(self, repo: str) -> tuple[str, ...]:
        with self._connection.errors(f"data repo {repo}"):
            return tuple(info.branch.name for info in self._connection.client.list_branch(repo))

    def missing_secrets(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if not self._has_secret(name)]

    def origin(self, output: str, commit: str, repo: str) -> str:
        with self._connection.errors(f"{output}@{commit}"):
            info = next(self._connection.client.inspect_commit(commit_of(output, commit)))
        found = [own for own in info.direct_provenance if (own.repo.name, own.repo.type) == (repo, "user")]
        if len(found) != 1:
            others = ", ".join(f"{own.repo.name}@{own.id}" for own in info.direct_provenance)
            raise IntegrityError(
                f"{output}@{commit}: expected to be made from a commit of {repo}, is from {others or 'none'}"
            )
        return str(found[0].id)

    def _has_secret(self, name: str) -> bool:
        with self._connection.errors(f"Kubernetes secret {name}"):
            try:
                self._connection.client.inspect_secret(name)
            except grpc.RpcError as error:
                # Kubernetes' own words, which pachd hands on as UNKNOWN.
                if "not found" in status_of(error)[1]:
                    return False
                raise
        return True


class _TriedOut(Exception):
    """Ends a transaction that is not to be finished."""


def _request(change: Change) -> Any:
    from google.protobuf.json_format import ParseError  # type: ignore[import-untyped, unused-ignore]
    from python_pachyderm import parse_dict_pipeline_spec  # type: ignore[import-untyped, unused-ignore]

    try:
        request = parse_dict_pipeline_spec(dict(change.document))
    except ParseError as error:
        raise ConfigError(f"{change.where}: is no pipeline spec for Pachyderm: {error}") from error
    request.update = change.update
    return request


def _deployed(info: Any) -> Deployed:
    from python_pachyderm.service import pps_proto  # type: ignore[import-untyped, unused-ignore]

    return Deployed(
        name=info.pipeline.name,
        version=info.version,
        state=pps_proto.PipelineState.Name(info.state).removeprefix(_STATE),
        reason=info.reason or info.details.reason,
        annotations=dict(info.details.metadata.annotations),
    )
