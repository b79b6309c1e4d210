"""The embedded data store: DVC in one small git repository per data repo.

    <root>/<repo>/.git            history: one git commit per data commit, branch master
                  files/          the newest commit's files, known to git only through files.dvc
                  files.dvc       DVC's pointer to them
                  files.json      their names, sizes and SHA-256, which every read is checked against
                  .dvc/cache      their bytes, of all commits

A version becomes visible in one step, when master moves. Nothing depends on the user's own git
repository, git configuration or DVC configuration, and nothing there is changed.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fmnist.core.names import check_files, check_repo
from fmnist.data.base import BRANCH, Commit, StoredFile
from fmnist.data.commits import check_content, is_readable, stored_file, stored_files
from fmnist.data.dvc.cache import FILES, POINTER, DvcCache, engine_errors, listing_of
from fmnist.data.dvc.history import GitHistory
from fmnist.errors import InputError, IntegrityError, NotFoundError
from fmnist.files.atomic import folder_written_atomically
from fmnist.files.lock import only_writer
from fmnist.files.paths import path_in

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
        folder = self.folder(repo)
        check_files(repo, files)
        stored = stored_files(repo, files)
        with self.writing(repo):
            head = self.head(repo)
            if head and head.files == stored and is_readable(self, head):
                return head
            stored = self._add(folder, files)
            if not (head and head.files == stored):
                with self.history(repo) as history:
                    history.add(stored, message, parent=head.id if head else None)
            return self.get(repo)

    def get(self, repo: str, ref: str = BRANCH) -> Commit:
        with self.history(repo) as history:
            return history.get(ref)

    def log(self, repo: str) -> list[Commit]:
        with self.history(repo) as history:
            return history.log()

    def read(self, commit: Commit, name: str) -> bytes:
        recorded = self.get(commit.repo, commit.id)
        stored = stored_file(recorded, name)
        content = self.cache(commit.repo).read(recorded, self.listing(recorded), name)
        check_content(content, stored, recorded)
        return content

    def folder(self, repo: str) -> Path:
        check_repo(repo)
        return self._root / repo

    def cache(self, repo: str) -> DvcCache:
        return DvcCache(self.folder(repo))

    def listing(self, commit: Commit) -> str:
        """The id of the object that lists the commit's files; the object itself may be missing."""
        with self.history(commit.repo) as history:
            return listing_of(history.pointer(commit), f"{commit.repo}@{commit.id}")

    def history(self, repo: str) -> GitHistory:
        folder = self.folder(repo)
        if not GitHistory.exists(folder):
            known = ", ".join(sorted(path.parent.name for path in self._root.glob("*/.git"))) or "none"
            raise NotFoundError(
                f"no data repo {repo} in {self._root} (there are: {known}); "
                "fmnist data fetch, put or pull makes one"
            )
        return GitHistory(repo, folder)

    def head_file(self, repo: str) -> Path:
        """The file that holds the id of the newest commit.

        Raises:
            NotFoundError: no such repo.
        """
        with self.history(repo) as history:
            return history.head_file()

    def head(self, repo: str) -> Commit | None:
        try:
            return self.get(repo)
        except NotFoundError:
            return None

    @contextmanager
    def writing(self, repo: str) -> Iterator[None]:
        """The repo, made when missing, is for the block alone to write; the disk's errors are mapped."""
        check_repo(repo)
        with (
            only_writer(self._root / f".{repo}.lock", _LOCK_SECONDS, f"data repo {repo}"),
            engine_errors(repo),
        ):
            self._prepare(repo)
            yield

    def show(self, commit: Commit) -> None:
        """Make the repo's ``files/`` those of the commit, for people who look there."""
        cache = self.cache(commit.repo)
        objects = cache.entries(commit, self.listing(commit))
        _fill(self.folder(commit.repo), {name: cache.path(oid) for name, oid in objects.items()})

    def _prepare(self, repo: str) -> None:
        """Create a missing repo; remove leftovers of killed writers."""
        for stale in self._root.glob(f".{repo}.????????"):
            shutil.rmtree(stale, ignore_errors=True)
        folder = self._root / repo
        if not GitHistory.exists(folder):
            if folder.exists():
                raise InputError(f"{folder} is in the way: it is no data repo; move it elsewhere")
            with folder_written_atomically(folder) as beside:
                GitHistory.create(beside)
            return
        GitHistory.drop_stale_locks(folder)
        # DVC's memory of what it saw before, and the lock of a killed process.
        shutil.rmtree(folder / ".dvc/tmp", ignore_errors=True)

    def _add(self, folder: Path, files: Mapping[str, Path]) -> tuple[StoredFile, ...]:
        """Bring the files into DVC's cache and write the pointer to them; nothing is visible yet.

        DVC believes that an object in its cache is whole, so what is there is read back; damaged
        objects are dropped and the files added once more.
        """
        for _ in range(2):
            stored = _fill(folder, files)
            damaged = DvcCache(folder).add(stored)
            if not damaged:
                return stored
        raise IntegrityError(f"{folder}: what DVC cached differs from what was put: {', '.join(damaged)}")


def _fill(folder: Path, files: Mapping[str, Path]) -> tuple[StoredFile, ...]:
    """Replace the content of ``files/`` by copies of these files; returns their records."""
    work = folder / FILES
    if work.exists():
        shutil.rmtree(work)
    (folder / POINTER).unlink(missing_ok=True)
    for name, source in files.items():
        target = path_in(work, name, folder.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    return stored_files(folder.name, {name: work / name for name in files})
