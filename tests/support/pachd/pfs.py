"""Pachyderm's file system API on top of ``State``: the part of it that fmnist and its tests use."""
# ruff: noqa: N802  # The protocol names the methods.

import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc  # type: ignore[import-untyped, unused-ignore]
from google.protobuf import (  # type: ignore[import-untyped, unused-ignore]
    empty_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from python_pachyderm.proto.v2.pfs import pfs_pb2_grpc  # type: ignore[import-untyped, unused-ignore]
from python_pachyderm.service import pfs_proto  # type: ignore[import-untyped, unused-ignore]

from tests.support.pachd.state import (
    AUTO,
    FINISHED,
    USER,
    Commit,
    State,
    check_path,
    hash_of,
    not_found,
    unknown,
)

_LOOK_SECONDS = 0.02
_GIVEN_UP_SECONDS = 0.05


class PfsServicer(pfs_pb2_grpc.APIServicer):  # type: ignore[misc]
    """``message_bytes`` is how much of a file goes into one message."""

    def __init__(self, state: State, message_bytes: int) -> None:
        self.state = state
        self.message_bytes = message_bytes

    def CreateRepo(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self.state.changing():
            self.state.create_repo(request.repo.name, request.description, request.update)
        return empty_pb2.Empty()

    def InspectRepo(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self.state.changed:
            return self._repo_info(request.repo.name)

    def ListRepo(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        with self.state.changed:
            infos = [self._repo_info(name) for name in self.state.repos]
        yield from infos

    def DeleteRepo(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self.state.changing():
            self.state.repos.pop(request.repo.name, None)
        return empty_pb2.Empty()

    def InspectBranch(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self.state.changed:
            head = self.state.head(request.branch.repo.name, request.branch.name)
            return pfs_proto.BranchInfo(branch=request.branch, head=_commit(head))

    def ListBranch(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        with self.state.changed:
            repo = self.state.repo(request.repo.name)
            infos = [
                pfs_proto.BranchInfo(
                    branch=pfs_proto.Branch(repo=_repo(repo.name), name=name), head=_commit(head)
                )
                for name, head in repo.branches.items()
            ]
        yield from infos

    def CreateBranch(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self.state.changing():
            repo = self.state.repo(request.branch.repo.name)
            repo.branches[request.branch.name] = self.state.commit(*_names(request.head))
        return empty_pb2.Empty()

    def StartCommit(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self.state.changing():
            branch = request.branch
            return _commit(self.state.start_commit(branch.repo.name, branch.name, request.description))

    def FinishCommit(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self.state.changing():
            commit = self.state.commit(*_names(request.commit))
            self.state.finish_commit(commit, request.error, request.description)
        return empty_pb2.Empty()

    def InspectCommit(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self.state.changed:
            commit = self.state.commit(*_names(request.commit))
            return self._reached(commit, request.wait, context)

    def InspectCommitSet(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        with self.state.changed:
            commits = self.state.commit_set(request.commit_set.id)
            if request.wait:
                self._wait(context, lambda: all(commit.finished for commit in commits))
            infos = [_info(commit) for commit in commits]
        yield from infos

    def DropCommitSet(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self.state.changing():
            self.state.drop_commit_set(request.commit_set.id)
        return empty_pb2.Empty()

    def ListCommit(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        with self.state.changed:
            commits = self._listed(request)
            infos = [_info(commit) for commit in commits if request.all or _wanted(commit, request)]
        if request.reverse:
            infos.reverse()
        yield from infos[: request.number or None]

    def SubscribeCommit(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        """All of the branch's history, oldest first, then what comes; each in the state asked for."""
        self.state.repo(request.repo.name)
        sent: set[str] = set()
        while context.is_active():
            with self.state.changed:
                pending = [commit for commit in self._branch(request) if commit.id not in sent]
                if not pending:
                    self.state.changed.wait(_LOOK_SECONDS)
                    continue
                commit = pending[0]
                info = self._reached(commit, request.state, context)
            sent.add(commit.id)
            yield info

    def ModifyFile(self, request_iterator: Iterator[Any], context: grpc.ServicerContext) -> Any:
        where = next(request_iterator).set_commit
        changes = list(request_iterator)
        if _given_up(context):
            return empty_pb2.Empty()
        with self.state.changing():
            repo, ref = _names(where)
            commit = self._open_for(repo, ref, is_id=bool(where.id))
            files = dict(commit.files) if commit else self._files_of(repo, ref)
            for change in changes:
                self._apply(change, files)
            if commit is None:
                commit = self.state.start_commit(repo, ref)
                commit.files = files
                self.state.finish_commit(commit)
            commit.files = files
        return empty_pb2.Empty()

    def InspectFile(self, request: Any, context: grpc.ServicerContext) -> Any:
        with self.state.changed:
            commit = self.state.commit(*_names(request.file.commit))
            return _file_info(commit, _found(commit, request.file.path))

    def WalkFile(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        with self.state.changed:
            commit = self.state.commit(*_names(request.file.commit))
            infos = [_file_info(commit, path) for path in sorted(commit.files)]
        if infos:
            yield pfs_proto.FileInfo(
                file=pfs_proto.File(commit=_commit(commit), path="/"), file_type=pfs_proto.FileType.DIR
            )
        yield from infos

    def ListFile(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        with self.state.changed:
            commit = self.state.commit(*_names(request.file.commit))
            infos = [_file_info(commit, path) for path in sorted(commit.files) if path.count("/") == 1]
        yield from infos

    def GetFile(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        with self.state.changed:
            commit = self.state.commit(*_names(request.file.commit))
            content = commit.files[_found(commit, request.file.path)]
        for start in range(request.offset, len(content), self.message_bytes):
            yield wrappers_pb2.BytesValue(value=content[start : start + self.message_bytes])

    def _repo_info(self, name: str) -> Any:
        repo = self.state.repo(name)
        return pfs_proto.RepoInfo(repo=_repo(name), description=repo.description)

    def _listed(self, request: Any) -> list[Commit]:
        repo = self.state.repo(request.repo.name)
        since, upto = getattr(request, "from"), request.to
        if request.HasField("from") and not request.HasField("to"):
            raise unknown("cannot use `from` commit without `to` commit")
        if not request.HasField("to"):
            return list(reversed(repo.commits))
        found = self.state.history(self.state.commit(*_names(upto)))
        if request.HasField("from"):
            last = self.state.commit(*_names(since))
            if last in found:
                found = found[: found.index(last)]
        return found

    def _branch(self, request: Any) -> list[Commit]:
        head = self.state.repo(request.repo.name).branches.get(request.branch)
        commits = reversed(self.state.history(head)) if head else []
        return [commit for commit in commits if request.all or _wanted(commit, request)]

    def _open_for(self, repo: str, ref: str, is_id: bool) -> Commit | None:
        """The open commit that is written into; None if a commit of its own is to be made."""
        place = self.state.repo(repo)
        commit = self.state.commit(repo, ref) if is_id else place.branches.get(ref)
        if commit and not commit.finishing:
            return commit
        if is_id:
            raise unknown(f"commit {commit} has already finished")
        return None

    def _files_of(self, repo: str, branch: str) -> dict[str, bytes]:
        head = self.state.repo(repo).branches.get(branch)
        return dict(head.files) if head else {}

    def _apply(self, change: Any, files: dict[str, bytes]) -> None:
        if change.HasField("delete_file"):
            path = change.delete_file.path
            check_path(path)
            folder = path if path.endswith("/") else None
            for known in [
                name for name in files if name == _clean(path) or (folder and name.startswith(folder))
            ]:
                del files[known]
        else:
            path = change.add_file.path
            check_path(path)
            files[_clean(path)] = files.get(_clean(path), b"") + change.add_file.raw.value

    def _reached(self, commit: Commit, stage: int, context: grpc.ServicerContext) -> Any:
        """The commit's info once it has come so far."""
        self._wait(context, lambda: commit.dropped or commit.stage >= stage)
        if commit.dropped:
            raise unknown(f"inspect finishing or finished commit: commit {commit} was deleted")
        return _info(commit)

    def _wait(self, context: grpc.ServicerContext, done: Callable[[], bool]) -> None:
        """Let others change things until something is so, or the caller has gone."""
        while context.is_active():
            self.state.settle()
            if done():
                return
            self.state.changed.wait(_LOOK_SECONDS)


def _given_up(context: grpc.ServicerContext) -> bool:
    """Whether the caller broke off: Python's server hears of it a moment after the last message."""
    deadline = time.monotonic() + _GIVEN_UP_SECONDS
    while context.is_active() and time.monotonic() < deadline:
        time.sleep(_GIVEN_UP_SECONDS / 10)
    return not context.is_active()


def _names(commit: Any) -> tuple[str, str]:
    """The repo, and the id or branch, of a protocol commit."""
    return commit.repo.name or commit.branch.repo.name, commit.id or commit.branch.name


def _wanted(commit: Commit, request: Any) -> bool:
    kind = request.origin_kind
    return (kind == 0 and commit.origin != AUTO) or bool(commit.origin == (kind or USER))


def _clean(path: str) -> str:
    return "/" + "/".join(part for part in path.split("/") if part)


def _found(commit: Commit, path: str) -> str:
    clean = _clean(path)
    if clean in commit.files:
        return clean
    if any(name.startswith(clean.rstrip("/") + "/") for name in commit.files):
        raise unknown("cannot get directory or non-regular file. Use GetFileTAR instead")
    raise not_found(f"file {path} not found in repo default/{commit.repo} at commit {commit.id}")


def _repo(name: str) -> Any:
    return pfs_proto.Repo(name=name, type="user", project=pfs_proto.Project(name="default"))


def _commit(commit: Commit) -> Any:
    return pfs_proto.Commit(repo=_repo(commit.repo), id=commit.id)


def _file_info(commit: Commit, path: str) -> Any:
    content = commit.files[path]
    return pfs_proto.FileInfo(
        file=pfs_proto.File(commit=_commit(commit), path=path),
        file_type=pfs_proto.FileType.FILE,
        size_bytes=len(content),
        hash=hash_of(content),
    )


def _info(commit: Commit) -> Any:
    info = pfs_proto.CommitInfo(
        commit=_commit(commit),
        origin=pfs_proto.CommitOrigin(kind=commit.origin),
        description=commit.description,
        started=_time(commit.started),
        error=commit.error if commit.stage == FINISHED else "",
        direct_provenance=[_commit(source) for source in commit.provenance],
    )
    if commit.parent:
        info.parent_commit.CopyFrom(_commit(commit.parent))
    if commit.finishing:
        info.finishing.CopyFrom(_time(commit.finishing))
    if commit.finished:
        info.finished.CopyFrom(_time(commit.finished))
    return info


def _time(seconds: float) -> Any:
    return timestamp_pb2.Timestamp(seconds=int(seconds), nanos=int(seconds % 1 * 1e9))
