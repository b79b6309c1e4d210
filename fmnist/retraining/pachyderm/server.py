"""Pipelines on a Pachyderm server."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import grpc  # type: ignore[import-untyped, unused-ignore]

from fmnist.clients.pachyderm.connection import Connection
from fmnist.clients.pachyderm.errors import status_of, translated
from fmnist.data.pachyderm.revisions import commit_handle
from fmnist.errors import ConfigError, IntegrityError, NotFoundError, UnavailableError

_STATE = "PIPELINE_"
_CONFLICT = "SQLSTATE"
_ATTEMPTS = 3


@dataclass(frozen=True)
class DeployedPipeline:
    """A pipeline on the server.

    Attributes:
        version: 1 at first, one more after each update.
        state: pachd's, without the prefix PIPELINE_, such as RUNNING.
        reason: why it failed; empty if it did not.
    """

    name: str
    version: int
    state: str
    reason: str
    annotations: Mapping[str, str]


@dataclass(frozen=True)
class Change:
    """A spec from the file ``where``: for a new pipeline, or with ``update`` the next version of one."""

    where: str
    document: Mapping[str, Any]
    update: bool


class PachydermPipelines:
    """Pipelines by name, in numbered versions. The server is first contacted when it is needed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, name: str) -> DeployedPipeline | None:
        """The pipeline as it is now; None if it does not exist."""
        try:
            with self._connection.errors(f"pipeline {name}"):
                info = next(iter(self._connection.client.inspect_pipeline(name, details=True)))
        except NotFoundError:
            return None
        return _deployed(info)

    def put(self, changes: Sequence[Change]) -> None:
        """Make all these changes at once, or none of them.

        Raises:
            ConfigError: the server refuses one.
        """
        self._within_a_transaction(changes, finish=True)

    def try_out(self, changes: Sequence[Change]) -> None:
        """Raise what ``put`` would raise, and change nothing."""
        # pachd's own dry run checks neither secrets nor repos; a transaction that is not finished does.
        self._within_a_transaction(changes, finish=False)

    def _within_a_transaction(self, changes: Sequence[Change], *, finish: bool) -> None:
        """Try again after a conflict: of two simultaneous changes pachd's database refuses one."""
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
                # pachd refuses a spec with UNKNOWN.
                if status in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INVALID_ARGUMENT):
                    raise ConfigError(f"{what}: {self._connection.pachd.url} says: {words}") from error
                raise translated(self._connection.pachd, what, error) from error

    def branches(self, repo: str) -> tuple[str, ...]:
        """The names of a repo's branches; raises NotFoundError if there is no such repo."""
        with self._connection.errors(f"data repo {repo}"):
            return tuple(info.branch.name for info in self._connection.client.list_branch(repo))

    def missing_secrets(self, names: Iterable[str]) -> list[str]:
        """Those that are not Kubernetes secrets in the server's namespace."""
        return [name for name in names if not self._has_secret(name)]

    def origin(self, output: str, commit: str, repo: str) -> str:
        """The id of the commit of ``repo`` that the pipeline ``output`` made its ``commit`` from.

        That is not the job's id: a pipeline that is created or updated runs on a commit from before.

        Raises:
            NotFoundError: there is no such output commit.
            IntegrityError: it does not come from exactly one commit of ``repo``.
        """
        with self._connection.errors(f"{output}@{commit}"):
            info = next(self._connection.client.inspect_commit(commit_handle(output, commit)))
        inputs = [(source.repo.name, source.repo.type, source.id) for source in info.direct_provenance]
        ids = [id_ for name, kind, id_ in inputs if (name, kind) == (repo, "user")]
        if len(ids) != 1:
            others = ", ".join(f"{name}@{id_}" for name, _, id_ in inputs)
            raise IntegrityError(
                f"{output}@{commit}: expected to be made from a commit of {repo}, is from {others or 'none'}"
            )
        return str(ids[0])

    def _has_secret(self, name: str) -> bool:
        with self._connection.errors(f"Kubernetes secret {name}"):
            try:
                self._connection.client.inspect_secret(name)
            except grpc.RpcError as error:
                # Kubernetes' message, which pachd forwards as UNKNOWN.
                if "not found" in status_of(error)[1]:
                    return False
                raise
        return True


class _TriedOut(Exception):
    """Leaves a transaction without finishing it."""


def _request(change: Change) -> Any:
    from google.protobuf.json_format import ParseError  # type: ignore[import-untyped, unused-ignore]

    from fmnist.clients.pachyderm.messages import python_pachyderm

    try:
        request = python_pachyderm.parse_dict_pipeline_spec(dict(change.document))
    except ParseError as error:
        raise ConfigError(f"{change.where}: is not a pipeline spec for Pachyderm: {error}") from error
    request.update = change.update
    return request


def _deployed(info: Any) -> DeployedPipeline:
    from fmnist.clients.pachyderm.messages import pps_proto

    return DeployedPipeline(
        name=info.pipeline.name,
        version=info.version,
        state=pps_proto.PipelineState.Name(info.state).removeprefix(_STATE),
        reason=info.reason or info.details.reason,
        annotations=dict(info.details.metadata.annotations),
    )
