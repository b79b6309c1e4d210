"""The port to what runs pipelines."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Deployed:
    """A pipeline on the server. ``state`` is pachd's word for it without PIPELINE_, such as RUNNING.

    ``version`` is 1 at first and one more after each update; ``reason`` says why it failed.
    """

    name: str
    version: int
    state: str
    reason: str
    annotations: Mapping[str, str]


@dataclass(frozen=True)
class Change:
    """A spec that is to become a new pipeline, or with ``update`` the next version of one.

    ``where`` is the file that it is from.
    """

    where: str
    document: Mapping[str, Any]
    update: bool


class PipelineServer(Protocol):
    """Keeps pipelines by name, in numbered versions, and runs them.

    Six methods where a port of the house has five: ``try_out`` is ``put`` without its end.
    """

    def find(self, name: str) -> Deployed | None:
        """The pipeline as it is now; None if there is none."""
        ...

    def put(self, changes: Sequence[Change]) -> None:
        """Make all these changes at once, or none of them.

        Raises:
            ConfigError: the server does not take one.
        """
        ...

    def try_out(self, changes: Sequence[Change]) -> None:
        """Raise what ``put`` would raise, and change nothing."""
        ...

    def branches(self, repo: str) -> tuple[str, ...]:
        """The names of a repo's branches; raises NotFoundError if there is no such repo."""
        ...

    def missing_secrets(self, names: Iterable[str]) -> list[str]:
        """Those that are no Kubernetes secret in the server's namespace."""
        ...

    def origin(self, output: str, commit: str, repo: str) -> str:
        """The id of the commit of ``repo`` that the pipeline ``output`` made its ``commit`` from.

        That is not the job's id: a pipeline that is made or updated runs on a commit that was there before.

        Raises:
            NotFoundError: there is no such output commit.
            IntegrityError: it does not come from exactly one commit of ``repo``.
        """
        ...
