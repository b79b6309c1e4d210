"""The embedded data store: DVC in one small git repository per data repo.

    <root>/<repo>/.git            history: one git commit per data commit, branch master
                  files/          the newest commit's files, known to git only through files.dvc
                  files.dvc       DVC's pointer to them
                  files.json      their names, sizes and SHA-256, which every read is checked against
                  .dvc/cache      their bytes, of all commits

A version becomes visible in one step, when master moves. Nothing depends on the user's own git
repository, git configuration or DVC configuration, and nothing there is changed.
"""

import hashlib
import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fmnist.data.base import Commit, StoredFile
from fmnist.data.history import BRANCH, History
from fmnist.data.lock import only_writer
from fmnist.data.names import check_files, check_repo
from fmnist.errors import InputError, IntegrityError, NotFoundError, UnavailableError
from fmnist.files import folder_written_atomically, sha256_of

_FILES = "files"
_POINTER = "files.dvc"
_SKELETON = {
    ".dvc/config": "[core]\n    analytics = false\n    check_update = false\n    autostage = false\n",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    ".dvcignore": "",
    ".gitignore": f"/{_FILES}\n",
}
_LOCK_SECONDS = 120.0


class DvcStore:
    """A ``DataStore`` in the folder ``root``, which is made by the first ``put``."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def put(self, repo: str, files: Mapping[str, Path], message: str) -> Commit:
        """Make these files the repo's whole new content; the repo is created when missing.

        A cached object that was damaged since is replaced when its file is put again.

        Raises:
            InputError: the repo's or a file's name cannot be used, or there are no files.
            NotFoundError: a file to put does not exist.
            TimedOut: another process has been writing to the repo for two minutes.
            UnavailableError: the disk or DVC refused; the repo is as it was.
        """
        folder = self._folder(repo)
        check_files(repo, files)
        for name, path in files.items():
            if not path.is_file():
                raise NotFoundError(f"{path}: no such file (to be put as {name} into {repo})")
        with only_writer(self._root / f".{repo}.lock", _LOCK_SECONDS, f"data repo {repo}"):
            with _engine_errors(repo):
                self._prepare(repo)
                stored = _describe(files)
                head = self._head(repo)
                if head and head.files == stored and self._is_sound(head):
                    return head
                stored = self._add(folder, files)
                if not (head and head.files == stored):
                    tracked = {name: folder / name for name in (*_SKELETON, _POINTER)}
                    with self._history(repo) as history:
                        history.add(tracked, stored, message, parent=head.id if head else None)
            return self.get(repo)

    def get(self, repo: str, ref: str = BRANCH) -> Commit:
        with self._history(repo) as history:
            return history.get(ref)

    def log(self, repo: str) -> list[Commit]:
        with self._history(repo) as history:
            commits = [history.get(BRANCH)]
            while parent := commits[-1].parent:
                commits.append(history.get(parent))
            return commits

    def read(self, commit: Commit, name: str) -> bytes:
        recorded = self.get(commit.repo, commit.id).files
        stored = next((file for file in recorded if file.name == name), None)
        if stored is None:
            names = ", ".join(file.name for file in recorded)
            raise NotFoundError(f"{commit.repo}@{commit.id}: no file {name}; it holds {names}")
        content = _read_cached(self._folder(commit.repo), commit, name)
        _check_content(content, stored, commit)
        return content

    def _folder(self, repo: str) -> Path:
        check_repo(repo)
        return self._root / repo

    def _history(self, repo: str) -> History:
        folder = self._folder(repo)
        if not History.exists(folder):
            known = ", ".join(sorted(path.parent.name for path in self._root.glob("*/.git"))) or "none"
            raise NotFoundError(f"no data repo {repo} in {self._root}; there are: {known}")
        return History(repo, folder)

    def _head(self, repo: str) -> Commit | None:
        try:
            return self.get(repo)
        except NotFoundError:
            return None

    def _prepare(self, repo: str) -> None:
        """Make the repo when missing; sweep up what a killed writer left."""
        for stale in self._root.glob(f".{repo}.????????"):
            shutil.rmtree(stale, ignore_errors=True)
        folder = self._root / repo
        if not History.exists(folder):
            if folder.exists():
                raise InputError(f"{folder} is in the way: it is no data repo; move it elsewhere")
            with folder_written_atomically(folder) as beside:
                _write_skeleton(beside)
            return
        History.drop_stale_locks(folder)
        # DVC's memory of what it saw before, and the lock of a killed process.
        shutil.rmtree(folder / ".dvc/tmp", ignore_errors=True)

    def _add(self, folder: Path, files: Mapping[str, Path]) -> tuple[StoredFile, ...]:
        """Bring the files into DVC's cache and write the pointer to them; nothing is visible yet.

        DVC believes that an object in its cache is whole, so what is there is read back; damaged
        objects are dropped and the files added once more.
        """
        for _ in range(2):
            stored = _fill(folder, files)
            damaged = _dvc_add(folder, stored)
            if not damaged:
                return stored
        raise IntegrityError(f"{folder}: what DVC cached differs from what was put: {', '.join(damaged)}")

    def _is_sound(self, commit: Commit) -> bool:
        try:
            for file in commit.files:
                self.read(commit, file.name)
        except IntegrityError:
            return False
        return True


@contextmanager
def _engine_errors(repo: str) -> Iterator[None]:
    from dvc.exceptions import DvcException

    try:
        yield
    except (DvcException, OSError) as error:
        raise UnavailableError(f"data repo {repo} cannot be written: {error}; it is as it was") from error


def _write_skeleton(folder: Path) -> None:
    for name, text in _SKELETON.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    History.create(folder)


def _describe(files: Mapping[str, Path]) -> tuple[StoredFile, ...]:
    return tuple(
        StoredFile(name, path.stat().st_size, sha256_of(path)) for name, path in sorted(files.items())
    )


def _fill(folder: Path, files: Mapping[str, Path]) -> tuple[StoredFile, ...]:
    """Make ``files/`` hold copies of these files and nothing else; say what was copied."""
    work = folder / _FILES
    if work.exists():
        shutil.rmtree(work)
    (folder / _POINTER).unlink(missing_ok=True)
    for name, source in files.items():
        target = work / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    return _describe({name: work / name for name in files})


@contextmanager
def _dvc(folder: Path, rev: str | None = None) -> Iterator[Any]:
    """DVC's view of the repo, at ``rev`` or in the work tree; it prints nothing."""
    from dvc.logger import set_loggers_level
    from dvc.repo import Repo

    own = {
        "core": {"site_cache_dir": str(folder / ".dvc/tmp/site"), "autostage": False, "no_scm": False},
        "cache": {"dir": str(folder / ".dvc/cache"), "type": "reflink,hardlink,copy"},
    }
    with set_loggers_level(logging.CRITICAL), Repo(str(folder), rev=rev, config=own) as repo:
        yield repo


def _dvc_add(folder: Path, stored: tuple[StoredFile, ...]) -> list[str]:
    """``dvc add files``; names the files whose cached object is damaged, after dropping these."""
    with _dvc(folder) as repo:
        (stage,) = repo.add(str(folder / _FILES))
        (out,) = stage.outs
        listing = out.hash_info.value
        damaged = (
            {} if _is_listing(Path(repo.cache.local.oid_to_path(listing)), listing) else {_FILES: listing}
        )
        objects = _objects(out)
        for file in stored:
            if sha256_of(Path(repo.cache.local.oid_to_path(objects[file.name]))) != file.sha256:
                damaged[file.name] = objects[file.name]
        for oid in damaged.values():
            repo.cache.local.delete(oid)
    return list(damaged)


def _objects(out: Any) -> dict[str, str]:
    """The id in DVC's cache of each file of a DVC output."""
    return {"/".join(key): entry.value for key, _, entry in out.get_obj()}


def _is_listing(path: Path, oid: str) -> bool:
    """Whether DVC's list of a folder's files is what its name, an MD5, says."""
    return f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}.dir" == oid


def _read_cached(folder: Path, commit: Commit, name: str) -> bytes:
    """The file's bytes in the cache; nothing that DVC remembers of earlier looks is believed."""
    try:
        with _dvc(folder, commit.id) as repo:
            (out,) = repo.find_outs_by_path(f"/{_FILES}")
            listing = out.hash_info.value
            if not _is_listing(Path(repo.cache.local.oid_to_path(listing)), listing):
                raise OSError(f"its listing {listing} is damaged")
            return Path(repo.cache.local.oid_to_path(_objects(out)[name])).read_bytes()
    except OSError as error:
        raise IntegrityError(
            f"{commit.repo}@{commit.id}: {name} is recorded but cannot be read from "
            f"{folder / '.dvc/cache'} ({error}); put the same files again to restore it"
        ) from error


def _check_content(content: bytes, stored: StoredFile, commit: Commit) -> None:
    sha256 = hashlib.sha256(content).hexdigest()
    if (len(content), sha256) != (stored.size, stored.sha256):
        raise IntegrityError(
            f"{commit.repo}@{commit.id}: {stored.name} has {len(content)} bytes with SHA-256 {sha256}, "
            f"recorded were {stored.size} bytes with {stored.sha256}; put the same files again to restore it"
        )
