"""The history of an embedded data repo: a small git repository with one commit per data commit.

Commits are written object by object, so that no index, hook, signature, identity or environment
variable of the user's git takes part.
"""

import io
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist.data.base import BRANCH, MIN_ID_LENGTH, Commit, StoredFile, full_id
from fmnist.data.dvc.cache import FILES, POINTER
from fmnist.errors import NotFoundError, UnavailableError
from fmnist.files.atomic import sync
from fmnist.files.documents import parse_record, record_text
from fmnist.files.paths import check_names

if TYPE_CHECKING:
    from dulwich.objects import Commit as GitCommit
    from dulwich.objects import ObjectID

    from fmnist.data.dvc.packed_history import PackedHistory

REF = f"refs/heads/{BRANCH}".encode()
RECORD = "files.json"
"""In every commit: the names, sizes and SHA-256 of the data files."""

SKELETON: Mapping[str, bytes] = {
    ".dvc/config": b"[core]\n    analytics = false\n    check_update = false\n    autostage = false\n",
    ".dvc/.gitignore": b"/config.local\n/tmp\n/cache\n",
    ".dvcignore": b"",
    ".gitignore": f"/{FILES}\n".encode(),
}
"""In every commit: what DVC and git need in the folder."""

_RECORD_SCHEMA = 1
_SECONDS_OFF = 3
MODE = 0o100644
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


@dataclass(frozen=True)
class _Record:
    """Content of ``files.json``."""

    files: tuple[StoredFile, ...]


def recorded_files(record: bytes, where: str) -> tuple[StoredFile, ...]:
    """The data files that a commit's ``files.json`` names; ``where`` is the commit.

    Raises:
        IntegrityError: it cannot be read, or a name would lead out of the repo.
    """
    files = parse_record(record, _Record, f"{where}: {RECORD}", _RECORD_SCHEMA).files
    check_names([file.name for file in files], f"{where}: {RECORD}")
    return files


class GitHistory:
    """The commits of the data repo ``repo``, whose git repository is in ``folder``."""

    def __init__(self, repo: str, folder: Path) -> None:
        from dulwich.repo import Repo

        self._repo = repo
        self._folder = folder
        self._git = Repo(str(folder))
        self._git.object_store.fsync_object_files = True
        self._opened = time.time()

    @staticmethod
    def exists(folder: Path) -> bool:
        return (folder / ".git").is_dir()

    @staticmethod
    def create(folder: Path) -> None:
        """An empty history in an existing folder."""
        from dulwich.repo import Repo

        for name, content in SKELETON.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        with Repo.init(str(folder), default_branch=BRANCH.encode()) as git:
            config = git.get_config()
            for section, values in _CONFIG.items():
                for key, value in values.items():
                    config.set(section, key, value)
            config.write_to_path()

    @staticmethod
    def drop_stale_locks(folder: Path) -> None:
        """Remove locks of killed writers; the caller must be the only writer."""
        for lock in (folder / ".git").rglob("*.lock"):
            lock.unlink()

    def __enter__(self) -> "GitHistory":
        return self

    def __exit__(self, *_: object) -> None:
        self._git.close()

    def get(self, ref: str) -> Commit:
        """The commit of a branch, id or beginning of an id; NotFoundError unless there is just one."""
        commit = self._resolve(ref)
        oid = commit.id.decode()
        return Commit(
            repo=self._repo,
            id=oid,
            parent=commit.parents[0].decode() if commit.parents else None,
            created=datetime.fromtimestamp(commit.commit_time, UTC),
            message=commit.message.decode(errors="replace"),
            files=recorded_files(self._content(commit, RECORD), f"{self._repo}@{oid}"),
        )

    def pointer(self, commit: Commit) -> bytes:
        """DVC's pointer to the commit's files."""
        return self._content(self._resolve(commit.id), POINTER)

    def log(self) -> list[Commit]:
        """The commits of master, newest first; NotFoundError when there are none."""
        commits = [self.get(BRANCH)]
        while parent := commits[-1].parent:
            commits.append(self.get(parent))
        return commits

    def add(self, stored: tuple[StoredFile, ...], message: str, parent: str | None) -> None:
        """Record the data files' digests and DVC's pointer to them, then move master there."""
        from dulwich.index import commit_tree
        from dulwich.objects import Blob, Commit, ObjectID

        contents = {
            **SKELETON,
            POINTER: (self._folder / POINTER).read_bytes(),
            RECORD: record_text(_Record(stored), _RECORD_SCHEMA).encode(),
        }
        entries = []
        for name, content in contents.items():
            blob = Blob.from_string(content)
            self._git.object_store.add_object(blob)
            entries.append((name.encode(), blob.id, MODE))
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
        """All of master's history as a git bundle; see ``PackedHistory``."""
        from dulwich.bundle import create_bundle_from_repo, write_bundle
        from dulwich.refs import Ref

        stream = io.BytesIO()
        with create_bundle_from_repo(self._git, refs=[Ref(REF)]) as bundle:
            write_bundle(stream, bundle)
        return stream.getvalue()

    def adopt(self, packed: "PackedHistory") -> None:
        """Write a history's objects; no commit of it is on master yet."""
        for entry in packed.objects():
            self._git.object_store.add_object(entry)

    def advance(self, old: str | None, new: str) -> None:
        """Move master from one commit to another; UnavailableError if it is not where it was."""
        from dulwich.objects import ObjectID

        self._move(ObjectID(old.encode()) if old else None, ObjectID(new.encode()))

    def _move(self, old: "ObjectID | None", new: "ObjectID") -> None:
        from dulwich.refs import Ref

        objects = self._folder / ".git/objects"
        for folder in (objects, *objects.iterdir()):
            # Those that objects were written to; file systems keep times of seconds.
            if folder.stat().st_mtime > self._opened - _SECONDS_OFF:
                sync(folder)
        if not self._git.refs.set_if_equals(Ref(REF), old, new):
            raise UnavailableError(f"{self._folder}: another program moved {BRANCH} meanwhile; try again")
        sync((self._folder / ".git" / REF.decode()).parent)
        self._git.get_worktree().reset_index()

    def _content(self, commit: "GitCommit", name: str) -> bytes:
        """The bytes of the commit's file ``name``."""
        from dulwich.object_store import tree_lookup_path

        _, blob = tree_lookup_path(self._git.__getitem__, commit.tree, name.encode())
        return self._git[blob].as_raw_string()

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
            if ref == BRANCH:
                advice = "has no commit yet; fmnist data fetch, put or pull makes one"
            else:
                advice = f"no branch or commit id {ref!r}; see fmnist data log {self._repo}"
            raise NotFoundError(f"{self._repo}: {advice}") from error
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
