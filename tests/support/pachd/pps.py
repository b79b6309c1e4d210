"""Pachyderm's pipeline API on top of ``State``: pipelines and secrets are kept, jobs are only noted."""
# ruff: noqa: N802  # The protocol names the methods.

import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import grpc  # type: ignore[import-untyped, unused-ignore]
from google.protobuf import empty_pb2  # type: ignore[import-untyped, unused-ignore]
from python_pachyderm.proto.v2.pps import pps_pb2_grpc  # type: ignore[import-untyped, unused-ignore]
from python_pachyderm.service import pfs_proto, pps_proto  # type: ignore[import-untyped, unused-ignore]

from tests.support.pachd.state import AUTO, Commit, Refusal, State, not_found, unknown


@dataclass
class Job:
    """A job's id is that of the commit that started it; at a pipeline's creation it is one of its own."""

    id: str
    pipeline: str
    version: int


class PpsServicer(pps_pb2_grpc.APIServicer):  # type: ignore[misc]
    """``pipelines`` holds all versions by name, the newest last; ``secrets`` are the keys of each.

    ``states`` gives a pipeline another state than RUNNING, with a reason; ``pending`` is what will be made
    at the end of a transaction.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.pipelines: dict[str, list[Any]] = {}
        self.secrets: dict[str, set[str]] = {}
        self.jobs: list[Job] = []
        self.states: dict[str, tuple[str, str]] = {}
        self.pending: dict[str, list[Any]] = {}

    def CreatePipeline(self, request: Any, context: grpc.ServicerContext) -> Any:
        if request.dry_run:
            return empty_pb2.Empty()
        self._check_secrets(request)
        transaction = dict(context.invocation_metadata()).get("pach-transaction")
        with self.state.changing():
            if transaction:
                pending = self.pending[transaction]
                self._check(request, {other.pipeline.name for other in pending})
                pending.append(request)
            else:
                self.create(request)
        return empty_pb2.Empty()

    def create(self, request: Any) -> None:
        """Make the pipeline, or its next version; a missing branch of its input is made, too."""
        self._check(request, set())
        name = request.pipeline.name
        for one in _pfs_inputs(request.input):
            if one.branch not in self.state.repo(one.repo).branches:
                self.state.finish_commit(self.state.start_commit(one.repo, one.branch, origin=AUTO))
        self.state.create_repo(name, "", update=True)
        self.pipelines.setdefault(name, []).append(request)
        job = Job(uuid.uuid4().hex, name, len(self.pipelines[name]))
        self.jobs.append(job)
        self._start(job, request)

    def InspectPipeline(self, request: Any, context: grpc.ServicerContext) -> Any:
        name = request.pipeline.name
        if name not in self.pipelines:
            raise not_found(f'pipeline "default/{name}" not found')
        versions = self.pipelines[name]
        state, reason = self.states.get(name, ("RUNNING", ""))
        info = pps_proto.PipelineInfo(
            pipeline=request.pipeline,
            version=len(versions),
            state=pps_proto.PipelineState.Value(f"PIPELINE_{state}"),
            reason=reason,
        )
        if request.details:
            info.details.transform.CopyFrom(versions[-1].transform)
            info.details.input.CopyFrom(versions[-1].input)
            info.details.metadata.CopyFrom(versions[-1].metadata)
        return info

    def ListJob(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        name = request.pipeline.name
        if name and name not in self.pipelines:
            raise not_found(f'pipeline "default/{name}" not found')
        for job in reversed(self.jobs):
            current = job.version == len(self.pipelines[job.pipeline])
            if name in ("", job.pipeline) and (current or request.history):
                pipeline = pps_proto.Pipeline(name=job.pipeline, project=pfs_proto.Project(name="default"))
                yield pps_proto.JobInfo(
                    job=pps_proto.Job(pipeline=pipeline, id=job.id),
                    pipeline_version=job.version,
                    state=pps_proto.JobState.JOB_CREATED,
                )

    def CreateSecret(self, request: Any, context: grpc.ServicerContext) -> Any:
        secret = json.loads(request.file)
        self.secrets[secret["metadata"]["name"]] = set(secret.get("data", {})) | set(
            secret.get("stringData", {})
        )
        return empty_pb2.Empty()

    def InspectSecret(self, request: Any, context: grpc.ServicerContext) -> Any:
        name = request.secret.name
        if name not in self.secrets:
            raise unknown(f'failed to get secret: secrets "{name}" not found')
        return pps_proto.SecretInfo(secret=request.secret, type="Opaque")

    def DeleteSecret(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.secrets.pop(request.secret.name, None)
        return empty_pb2.Empty()

    def DeletePipeline(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self.state.changing():
            self.pipelines.pop(request.pipeline.name, None)
            self.state.repos.pop(request.pipeline.name, None)
        return empty_pb2.Empty()

    def outputs(self, pipeline: str, files: Mapping[str, bytes], sources: tuple[Commit, ...]) -> Commit:
        """What a job of the pipeline leaves: a commit of its output repo, made from those of ``sources``."""
        with self.state.changing():
            self.state.create_repo(pipeline, "", update=True)
            commit = self.state.start_commit(pipeline, "master", origin=AUTO)
            commit.files = {f"/{name}": content for name, content in files.items()}
            commit.provenance = sources
            self.state.finish_commit(commit)
            return commit

    def _check(self, request: Any, coming: set[str]) -> None:
        """``coming`` are pipelines that the same transaction will have made."""
        name = request.pipeline.name
        if name in self.pipelines and not request.update:
            raise Refusal(grpc.StatusCode.ALREADY_EXISTS, f'pipeline "default/{name}" already exists')
        for one in _pfs_inputs(request.input):
            if not one.glob:
                raise unknown("input must specify a glob")
            if one.repo not in coming:
                self.state.repo(one.repo)

    def _start(self, job: Job, request: Any) -> None:
        """The output of a job on what is there already; without workers it never ends well."""
        heads = [self.state.repo(one.repo).branches[one.branch] for one in _pfs_inputs(request.input)]
        commit = self.state.start_commit(job.pipeline, "master", origin=AUTO, id_=job.id)
        commit.provenance = tuple(heads)
        self.state.finish_commit(commit, error="job stopped")

    def _check_secrets(self, request: Any) -> None:
        for secret in request.transform.secrets:
            if secret.env_var and not secret.key:
                raise unknown(f"secret {secret.name} has env_var set but is missing key")
            if secret.name not in self.secrets:
                raise unknown(f"missing Kubernetes secret {secret.name}")
            if secret.env_var and secret.key not in self.secrets[secret.name]:
                raise unknown(f"Kubernetes secret {secret.name} missing key {secret.key}")


def _pfs_inputs(request: Any) -> Iterator[Any]:
    if request.HasField("pfs"):
        yield request.pfs
    for one in (*request.cross, *request.union, *request.join, *request.group):
        yield from _pfs_inputs(one)
