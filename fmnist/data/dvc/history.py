"""The history of an embedded data repo: a small git repository with one commit per data commit.

Commits are written object by object, so that no index, hook, signature, identity or environment
variable of the user's git takes part.
"""

import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist.data.base import BRANCH, MIN_ID_LENGTH, Commit, StoredFile, full_id
from fmnist.data.dvc.git_bundle import PackedHistory, pack
from fmnist.errors import NotFoundError, UnavailableError

if TYPE_CHECKING:
    from dulwich.objects import Commit as GitCommit
    from dulwich.objects import ObjectID

REF = f"refs/heads/{BRANCH}".encode()
RECORD = "files.json"
"""In every commit: the names, sizes and SHA-256 of the data files."""

_RECORD_SCHEMA = 1
_AUTHOR = b"fmnist <fmnist@localhost>"
# For people and DVC in the folder: the repository's own configuration shadows whatever the user's says.
_CONFIG = {
    "core": {
        "excludesFile": "/dev/null",
        "attributesFile": "/dev/null",
        "hooksPath": "/dev/null",
        "autocrlf": "false",
        "fsmonitor": "false",
    },
    "commit": {"gpgsign": "false"},
    "user": {"name": "fmnist", "email": "fmnist@localhost"},
}


class GitHistory:
    """The commits of the data repo ``repo``, whose git repository is in ``folder``."""

    def __init__(self, repo: str, folder: Path) -> None:
        from dulwich.repo import Repo

        self._repo = repo
        self._folder = folder
        self._git = Repo(str(folder))

    @staticmethod
    def exists(folder: Path) -> bool:
        return (folder / ".git").is_dir()

    @staticmethod
    def create(folder: Path) -> None:
        """An empty history in an existing folder."""
        from dulwich.repo import Repo

        with Repo.init(str(folder), default_branch=BRANCH.encode()) as git:
            config = git.get_config()
            for section, values in _CONFIG.items():
                for key, value in values.items():
                    config.set(section, key, value)
            config.write_to_path()

    @staticmethod
    def drop_stale_locks(folder: Path) -> None:
        """Remove what a killed writer left; only the one writer may."""
        for lock in (folder / ".git").rglob("*.lock"):
            lock.unlink()

    def __enter__(self) -> "GitHistory":
        return self

    def __exit__(self, *_: object) -> None:
        self._git.close()

    def get(self, ref: str) -> Commit:
        """The commit of a branch, id or beginning of an id; NotFoundError unless there is just one."""
        from dulwich.object_store import tree_lookup_path

        commit = self._resolve(ref)
        _, record = tree_lookup_path(self._git.__getitem__, commit.tree, RECORD.encode())
        content = json.loads(self._git[record].as_raw_string())
        return Commit(
            repo=self._repo,
            id=commit.id.decode(),
            parent=commit.parents[0].decode() if commit.parents else None,
            created=datetime.fromtimestamp(commit.commit_time, UTC),
            message=commit.message.decode(errors="replace"),
            files=tuple(StoredFile(**file) for file in content["files"]),
        )

    def log(self) -> list[Commit]:
        """The commits of master, newest first; NotFoundError when there are none."""
        commits = [self.get(BRANCH)]
        while parent := commits[-1].parent:
            commits.append(self.get(parent))
        return commits

    def add(
        self, tracked: Mapping[str, Path], stored: tuple[StoredFile, ...], message: str, parent: str | None
    ) -> None:
        """Record ``tracked`` (path in git: file) and the data files' sums, then move master there."""
        from dulwich.index import commit_tree
        from dulwich.objects import Blob, Commit, ObjectID

        record = {"schema_version": _RECORD_SCHEMA, "files": [vars(file) for file in stored]}
        contents = {name: path.read_bytes() for name, path in tracked.items()}
        contents[RECORD] = (json.dumps(record, indent=2) + "\n").encode()
        entries = []
        for name, content in contents.items():
            blob = Blob.from_string(content)
            self._git.object_store.add_object(blob)
            entries.append((name.encode(), blob.id, 0o100644))
        old = ObjectID(parent.encode()) if parent else None
        commit = Commit()
        commit.tree = commit_tree(self._git.object_store, entries)
        commit.parents = [old] if old else []
        commit.author = commit.committer = _AUTHOR
        commit.author_time = commit.commit_time = int(time.time())
        commit.author_timezone = commit.commit_timezone = 0
        commit.encoding = b"UTF-8"
        commit.message = message.encode(errors="replace")
        self._git.object_store.add_object(commit)
        self._move(old, commit.id)

    def head_file(self) -> Path:
        """The file that holds master's newest commit id, also after ``git pack-refs`` took it away."""
        file = Path(self._git.controldir()) / REF.decode()
        head = self.get(BRANCH).id
        # A writer that comes between makes the file itself, with a newer id.
        with suppress(FileExistsError), file.open("x") as stream:
            stream.write(f"{head}\n")
        return file

    def pack(self) -> bytes:
        """All of master's history as one file; see ``PackedHistory``."""
        return pack(self._git, REF)

    def adopt(self, packed: PackedHistory) -> None:
        """Write a history's objects; no commit of it is on master yet."""
        packed.add_to(self._git.object_store)

    def advance(self, old: str | None, new: str) -> None:
        """Move master from one commit to another; UnavailableError if it is not where it was."""
        from dulwich.objects import ObjectID

        self._move(ObjectID(old.encode()) if old else None, ObjectID(new.encode()))

    def _move(self, old: "ObjectID | None", new: "ObjectID") -> None:
        from dulwich.refs import Ref

        if not self._git.refs.set_if_equals(Ref(REF), old, new):
            raise UnavailableError(f"{self._folder}: another program moved {BRANCH} meanwhile; try again")
        self._git.get_worktree().reset_index()

    def _resolve(self, ref: str) -> "GitCommit":
        from dulwich.objects import Commit, ObjectID
        from dulwich.refs import Ref

        name = ref.encode(errors="replace")
        try:
            if re.fullmatch("[0-9a-f]{40}", ref):
                found = self._git[ObjectID(name)]
            elif (branch := Ref(b"refs/heads/" + name)) in self._git.refs:
                found = self._git[self._git.refs[branch]]
            else:
                found = self._git[self._full_id(ref)]
        except (KeyError, ValueError, OSError) as error:
            raise NotFoundError(
                f"{self._repo}: no branch or commit id {ref!r}; see fmnist data log {self._repo}"
            ) from error
        if not isinstance(found, Commit):
            raise NotFoundError(f"{self._repo}: {ref} is no commit")
        return found

    def _full_id(self, beginning: str) -> "ObjectID":
        from dulwich.objects import ObjectID

        if not re.fullmatch(f"[0-9a-f]{{{MIN_ID_LENGTH},39}}", beginning):
            raise KeyError(beginning)
        heads = list(self._git.refs.as_dict(b"refs/heads").values())  # type: ignore[arg-type, unused-ignore]
        ids = (entry.commit.id.decode() for entry in self._git.get_walker(include=heads))
        return ObjectID(full_id(self._repo, beginning, ids).encode())
