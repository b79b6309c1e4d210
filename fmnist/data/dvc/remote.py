"""Data repos at a DVC remote, with their history beside the objects.

<remote>/<repo>/files/md5/…       the files of all commits, as DVC keeps them
                history.bundle    the git history: written last, so that what it names is there
"""

import tempfile
from pathlib import Path

from fmnist.data.base import Commit, Transfer
from fmnist.data.commits import check_content
from fmnist.data.dvc.cache import is_object, object_name
from fmnist.data.dvc.packed_history import PackedHistory
from fmnist.data.dvc.remote_storage import RemoteStorage
from fmnist.data.dvc.store import DvcStore
from fmnist.errors import InputError, IntegrityError, NotFoundError

_HISTORY = "history.bundle"


class DvcRemote:
    """A ``DataRemote`` for the repos of ``store``."""

    def __init__(self, store: DvcStore, storage: RemoteStorage) -> None:
        self._store = store
        self._storage = storage

    def push(self, repo: str) -> Transfer:
        ours = self._our_history(repo)
        with self._storage.only_writer(repo):
            theirs = self._their_history(repo)
            known = theirs.ids if theirs else []
            new = [] if ours.head in known else self._after(repo, ours.ids, known)
            commits = [self._store.get(repo, commit) for commit in ours.ids]
            files = sum(self._send(commit) for commit in reversed(commits))
            if new:
                self._publish(ours, repo)
        return Transfer(repo, ours.head if new else known[0], len(new), files)

    def pull(self, repo: str) -> Transfer:
        theirs = self._their_history(repo)
        if theirs is None:
            raise NotFoundError(
                f"no data repo {repo} in {self._storage.address}; "
                f"push it there first: fmnist data push {repo}"
            )
        with self._store.writing(repo):
            known = [commit.id for commit in self._store.log(repo)] if self._store.head(repo) else []
            new = [] if theirs.head in known else self._after(repo, theirs.ids, known)
            with self._store.history(repo) as history:
                history.adopt(theirs)
                files = sum(self._receive(history.get(commit)) for commit in reversed(theirs.ids))
                if new:
                    self._store.show(history.get(theirs.head))
                    history.advance(known[0] if known else None, theirs.head)
        return Transfer(repo, theirs.head if new else known[0], len(new), files)

    def _after(self, repo: str, ids: list[str], known: list[str]) -> list[str]:
        """The ``ids`` after the newest known one, newest first."""
        if not known:
            return ids
        if known[0] not in ids:
            folder = self._store.folder(repo)
            raise InputError(
                f"{repo}: the histories in {folder} and in {self._storage.address} have diverged: each has "
                "commits that the other lacks, and neither replaces the other. To continue from the "
                f"remote's, move {folder} away, fmnist data pull {repo}, and put your files again"
            )
        return ids[: ids.index(known[0])]

    def _our_history(self, repo: str) -> PackedHistory:
        self._store.get(repo)
        with self._store.history(repo) as history:
            return PackedHistory(history.pack(), str(self._store.folder(repo)))

    def _their_history(self, repo: str) -> PackedHistory | None:
        content = self._storage.read(_history(repo))
        if content is None:
            return None
        return PackedHistory(content, self._storage.describe(_history(repo)))

    def _send(self, commit: Commit) -> int:
        """Put in place what the remote lacks of a commit; gives the number of files sent.

        An object of the right size is taken for whole: it was read back when it was sent.
        """
        cache, listing = self._store.cache(commit.repo), self._store.listing(commit)
        entries = cache.entries(commit, listing)
        sent = 0
        for file in commit.files:
            oid = entries[file.name]
            if self._storage.size(_object(commit.repo, oid)) != file.size:
                self._store.read(commit, file.name)
                self._upload(commit.repo, cache.path(oid), oid)
                sent += 1
        path = cache.path(listing)
        if self._storage.size(_object(commit.repo, listing)) != path.stat().st_size:
            self._upload(commit.repo, path, listing)
        return sent

    def _upload(self, repo: str, path: Path, oid: str) -> None:
        name = _object(repo, oid)
        self._storage.write(name, path)
        if not is_object(self._storage.read(name) or b"", oid):
            raise IntegrityError(f"{self._storage.describe(name)}: reads back differently than written")

    def _receive(self, commit: Commit) -> int:
        """Fetch the commit's objects that the cache lacks; returns the number of files."""
        cache, listing = self._store.cache(commit.repo), self._store.listing(commit)
        if not is_object(_content(cache.path(listing)), listing):
            cache.keep(listing, self._download(commit.repo, listing))
        entries = cache.entries(commit, listing)
        fetched = 0
        for file in commit.files:
            oid = entries[file.name]
            path = cache.path(oid)
            if not path.is_file() or path.stat().st_size != file.size:
                content = self._download(commit.repo, oid)
                check_content(content, file, commit)
                cache.keep(oid, content)
                fetched += 1
        return fetched

    def _download(self, repo: str, oid: str) -> bytes:
        name = _object(repo, oid)
        content = self._storage.read(name)
        if content is None or not is_object(content, oid):
            raise IntegrityError(
                f"{self._storage.describe(name)}: {'missing' if content is None else 'damaged'}; delete what "
                f"is there and push again from a machine that has {repo}"
            )
        return content

    def _publish(self, history: PackedHistory, repo: str) -> None:
        with tempfile.TemporaryDirectory(prefix="fmnist-") as folder:
            file = Path(folder) / _HISTORY
            file.write_bytes(history.content)
            self._storage.write(_history(repo), file)


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _history(repo: str) -> str:
    return f"{repo}/{_HISTORY}"


def _object(repo: str, oid: str) -> str:
    return f"{repo}/{object_name(oid)}"
