"""The whole history of a data repo as a git bundle: one file, for transfer between machines.

``git clone history.bundle`` reads it too.
"""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fmnist.data.dvc.cache import POINTER
from fmnist.data.dvc.history import MODE, RECORD, REF, SKELETON, recorded_files
from fmnist.errors import IntegrityError

if TYPE_CHECKING:
    from dulwich.object_store import MemoryObjectStore
    from dulwich.objects import Commit as GitCommit
    from dulwich.objects import ObjectID, ShaFile


class PackedHistory:
    """A whole history as a git bundle, of which every byte was checked.

    Attributes:
        content: the bundle.
        ids: its commits, newest first.
    """

    def __init__(self, content: bytes, where: str) -> None:
        """Read the bundle; every object's id is computed from its bytes.

        Raises:
            IntegrityError: the bytes are no whole history of data commits; names ``where`` they come from.
        """
        self.content = content
        try:
            self._objects, head = _unpacked(content)
            self.ids = list(self._checked(head))
        # dulwich tells of a broken bundle by errors of many kinds, that have no common class.
        except Exception as error:
            raise IntegrityError(
                f"{where}: this history is damaged ({error!r}); delete it and push again from a machine that "
                "has the repo"
            ) from error

    @property
    def head(self) -> str:
        return self.ids[0]

    def objects(self) -> "Iterator[ShaFile]":
        return (self._objects[oid] for oid in self._objects)

    def _checked(self, head: "ObjectID") -> Iterator[str]:
        """The commits' ids; what they hold may be checked out without a look."""
        from dulwich.objects import Commit

        pending = [head]
        while pending:
            commit = self._objects[pending.pop()]
            if not isinstance(commit, Commit):
                raise ValueError(f"{commit.id.decode()} is no commit")
            _check_tree(self._objects, commit)
            yield commit.id.decode()
            pending += commit.parents


def _unpacked(content: bytes) -> tuple["MemoryObjectStore", "ObjectID"]:
    from dulwich.bundle import read_bundle
    from dulwich.object_store import MemoryObjectStore
    from dulwich.refs import Ref

    objects = MemoryObjectStore()
    with read_bundle(io.BytesIO(content)) as bundle:
        bundle.store_objects(objects)
        return objects, bundle.references[Ref(REF)]


def _check_tree(objects: "MemoryObjectStore", commit: "GitCommit") -> None:
    """Raises ValueError unless the commit holds the files of a data commit and nothing else."""
    from dulwich.object_store import iter_tree_contents

    entries = list(iter_tree_contents(objects, commit.tree))
    expected = {*SKELETON, POINTER, RECORD}
    for entry in entries:
        name = (entry.path or b"").decode(errors="replace")
        assert entry.sha
        content = objects[entry.sha].as_raw_string()
        if name == RECORD:
            recorded_files(content, commit.id.decode())
        if name not in expected or entry.mode != MODE or SKELETON.get(name, content) != content:
            raise ValueError(f"{commit.id.decode()} holds {name!r}, which fmnist did not write")
    if len(entries) != len(expected):
        raise ValueError(f"{commit.id.decode()} holds {len(entries)} files, expected {len(expected)}")
