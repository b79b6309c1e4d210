"""Who trains one model together."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Team:
    """``addresses`` are HOST:PORT where each process listens, in order of rank; none for one alone.

    ``rank`` is this process's, from 0.
    """

    addresses: tuple[str, ...] = ()
    rank: int = 0

    @property
    def size(self) -> int:
        """The number of processes, at least 1."""
        return max(1, len(self.addresses))


ALONE = Team()
