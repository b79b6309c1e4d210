"""Git bundle: the whole history of a data repo as one file, for transfer between machines.

``git clone history.bundle`` reads it too.
"""

import io
from typing import TYPE_CHECKING

from fmnist.errors import IntegrityError

if TYPE_CHECKING:
    from dulwich.object_store import BaseObjectStore, MemoryObjectStore
    from dulwich.objects import ObjectID
    from dulwich.repo import Repo


def pack(git: "Repo", ref: bytes) -> bytes:
    """The history of the branch ``ref`` as a git bundle."""
    from dulwich.bundle import create_bundle_from_repo, write_bundle
    from dulwich.refs import Ref

    stream = io.BytesIO()
    with create_bundle_from_repo(git, refs=[Ref(ref)]) as bundle:
        write_bundle(stream, bundle)
    return stream.getvalue()


class PackedHistory:
    """What a bundle, whose bytes are ``content``, holds: ``ids`` are its commits, newest first."""

    def __init__(self, content: bytes, ref: bytes, where: str) -> None:
        """Read the bundle; every object's id is computed from its bytes.

        Raises:
            IntegrityError: the bytes are no whole history of ``ref``; names ``where`` they come from.
        """
        self.content = content
        try:
            self._objects, head = _read(content, ref)
            self.ids = self._follow(head)
        # dulwich tells of a broken bundle by errors of many kinds, that have no common class.
        except Exception as error:
            raise IntegrityError(
                f"{where}: this history is damaged ({error!r}); delete it and push again from a machine that "
                "has the repo"
            ) from error

    @property
    def head(self) -> str:
        return self.ids[0]

    def add_to(self, store: "BaseObjectStore") -> None:
        """Write all objects into a repository, where nothing refers to them yet."""
        for oid in self._objects:
            store.add_object(self._objects[oid])

    def _follow(self, head: "ObjectID") -> list[str]:
        from dulwich.object_store import iter_tree_contents
        from dulwich.objects import Commit

        ids: list[str] = []
        pending = [head]
        while pending:
            commit = self._objects[pending.pop()]
            if not isinstance(commit, Commit):
                raise ValueError(f"{commit.id.decode()} is no commit")
            for entry in iter_tree_contents(self._objects, commit.tree):
                assert entry.sha
                self._objects[entry.sha]
            ids.append(commit.id.decode())
            pending += commit.parents
        return ids


def _read(content: bytes, ref: bytes) -> tuple["MemoryObjectStore", "ObjectID"]:
    from dulwich.bundle import read_bundle
    from dulwich.object_store import MemoryObjectStore
    from dulwich.refs import Ref

    objects = MemoryObjectStore()
    with read_bundle(io.BytesIO(content)) as bundle:
        bundle.store_objects(objects)
        return objects, bundle.references[Ref(ref)]
