"""Repos, branches and commits in memory, with Pachyderm's rules and words."""

import hashlib
import re
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import grpc  # type: ignore[import-untyped, unused-ignore]

_NAME = re.compile("[a-zA-Z0-9_-]+")
_GLOB = re.compile(r"[*?[\]{}!()@+^]")
_ID = re.compile("[0-9a-f]{32}")

USER, AUTO = 1, 2
STARTED, READY, FINISHING, FINISHED = 1, 2, 3, 4


class Refusal(Exception):
    """What a call is answered with instead of a result."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


def not_found(details: str) -> Refusal:
    return Refusal(grpc.StatusCode.NOT_FOUND, details)


def unknown(details: str) -> Refusal:
    return Refusal(grpc.StatusCode.UNKNOWN, details)


@dataclass(eq=False)
class Commit:
    """``files``: bytes by path; times in seconds since 1970, None until it happened."""

    repo: str
    id: str
    parent: "Commit | None"
    files: dict[str, bytes]
    description: str = ""
    origin: int = USER
    started: float = field(default_factory=time.time)
    finishing: float | None = None
    finished: float | None = None
    error: str = ""
    children: list["Commit"] = field(default_factory=list)
    dropped: bool = False
    provenance: tuple["Commit", ...] = ()

    def __str__(self) -> str:
        return f"default/{self.repo}@{self.id}"

    @property
    def stage(self) -> int:
        return FINISHED if self.finished else FINISHING if self.finishing else READY


@dataclass(eq=False)
class Repo:
    """``commits`` in the order in which they were started."""

    name: str
    description: str = ""
    branches: dict[str, Commit] = field(default_factory=dict)
    commits: list[Commit] = field(default_factory=list)


class State:
    """All that a server knows; ``changed`` guards it and wakes those who wait.

    A commit takes ``seconds_to_finish``; ``next_error`` is what the next one ends with.
    """

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.changed = threading.Condition(threading.RLock())
        self.seconds_to_finish = 0.0
        self.next_error = ""

    @contextmanager
    def changing(self) -> Iterator[None]:
        with self.changed:
            yield
            self.changed.notify_all()

    def create_repo(self, name: str, description: str, update: bool) -> None:
        if not _NAME.fullmatch(name):
            raise unknown(
                f"name ({name}) invalid: only alphanumeric characters, underscores, and dashes are allowed"
            )
        if name in self.repos and not update:
            raise Refusal(grpc.StatusCode.ALREADY_EXISTS, f"repo default/{name} already exists")
        self.repos.setdefault(name, Repo(name)).description = description

    def repo(self, name: str) -> Repo:
        if name not in self.repos:
            raise not_found(f"repo default/{name} not found")
        return self.repos[name]

    def head(self, repo: str, branch: str) -> Commit:
        """Without the repo, Pachyderm tells at length of the branch."""
        missing = f'branch "{branch}" not found in repo default/{repo}'
        if repo not in self.repos:
            raise not_found(f"inspect branch in transaction: repo (name={repo}) not found\n{missing}")
        if branch not in self.repos[repo].branches:
            raise not_found(missing)
        return self.repos[repo].branches[branch]

    def commit(self, repo: str, ref: str) -> Commit:
        """By full id, by branch, or by branch with ``^`` for each step back."""
        self.settle()
        if not _ID.fullmatch(ref):
            commit = self.head(repo, ref.rstrip("^"))
            for _ in ref[len(ref.rstrip("^")) :]:
                if commit.parent is None:
                    raise not_found(f"commit {commit}^ not found")
                commit = commit.parent
            return commit
        for commit in self.repo(repo).commits:
            if commit.id == ref:
                return commit
        raise not_found(f"commit default/{repo}@{ref} not found")

    def start_commit(
        self, repo: str, branch: str, description: str = "", origin: int = USER, id_: str | None = None
    ) -> Commit:
        place = self.repo(repo)
        parent = place.branches.get(branch)
        if parent and not parent.finishing:
            raise unknown(f"parent commit {parent} has not been finished")
        commit = Commit(
            repo, id_ or _new_id(), parent, dict(parent.files) if parent else {}, description, origin
        )
        if parent:
            parent.children.append(commit)
        place.commits.append(commit)
        place.branches[branch] = commit
        return commit

    def finish_commit(self, commit: Commit, error: str = "", description: str = "") -> None:
        if commit.finishing:
            raise unknown(f"commit {commit} has already finished")
        commit.finishing = time.time()
        commit.description = description or commit.description
        commit.error = error or self.next_error or _collision(commit.files)
        self.next_error = ""
        self.settle()

    def drop_commit_set(self, id_: str) -> None:
        commits = self.commit_set(id_)
        for commit in commits:
            if commit.children:
                raise unknown(f"cannot drop a commit that has children: {commit}")
        for commit in commits:
            repo = self.repos[commit.repo]
            repo.commits.remove(commit)
            commit.dropped = True
            if commit.parent:
                commit.parent.children.remove(commit)
            for branch in [name for name, head in repo.branches.items() if head is commit]:
                if commit.parent:
                    repo.branches[branch] = commit.parent
                else:
                    del repo.branches[branch]

    def commit_set(self, id_: str) -> list[Commit]:
        self.settle()
        commits = [commit for repo in self.repos.values() for commit in repo.commits if commit.id == id_]
        if not commits:
            raise not_found(f"no commits found for commitset {id_}")
        return commits

    def history(self, commit: Commit) -> list[Commit]:
        """The commit and its ancestors, newest first."""
        self.settle()
        found = [commit]
        while found[-1].parent:
            found.append(found[-1].parent)
        return found

    def settle(self) -> None:
        now = time.time()
        for repo in self.repos.values():
            for commit in repo.commits:
                if (
                    commit.finishing
                    and not commit.finished
                    and now >= commit.finishing + self.seconds_to_finish
                ):
                    commit.finished = now


def check_path(path: str) -> None:
    if not re.fullmatch("[ -~]+", path):
        raise unknown(f"path ({path}) invalid: only printable ASCII characters allowed")
    if found := _GLOB.search(path):
        raise unknown(f"path ({path}) invalid: globbing character ({found[0]}) not allowed in path")
    if any(part in (".", "..") for part in path.split("/")):
        raise unknown(f"path ({path}) invalid: relative file paths are not allowed")


def hash_of(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=32).digest()


def _collision(files: dict[str, bytes]) -> str:
    paths = sorted(files)
    for path, after in pairwise(paths):
        if after.startswith(f"{path}/"):
            return f"file / directory path collision ({after})"
    return ""


def _new_id() -> str:
    return uuid.uuid4().hex
