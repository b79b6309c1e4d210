"""Numbers of a model's verdicts: the newest counts, whatever a registry is made to show."""

from sqlalchemy import func, insert, select

from fmnist.catalogue.database import Database
from fmnist.catalogue.schema import VERDICTS

_LOCK_SECONDS = 60.0


class VerdictLog:
    """Numbers of the verdicts on one model's bundles, each from 1."""

    def __init__(self, database: Database, model: str) -> None:
        self._database = database
        self._model = model

    def latest(self, bundle_sha256: str) -> dict[str, int]:
        """Number of the bundle's newest verdict by the kind of key that signs it; empty if it has none."""
        query = select(VERDICTS.c.key, func.max(VERDICTS.c.sequence)).filter_by(
            model=self._model, bundle_sha256=bundle_sha256
        )
        with self._database.reading() as connection:
            rows = connection.execute(query.group_by(VERDICTS.c.key)).all() if connection else []
        return {row[0]: row[1] for row in rows}

    def add(self, bundle_sha256: str, key: str, time: str, after: int) -> int:
        """Number a new verdict, and give the number; it is greater than all so far, and than ``after``.

        Raises:
            TimedOut: other processes keep adding.
            UnavailableError: the database cannot be written.
        """
        of_bundle = {"model": self._model, "bundle_sha256": bundle_sha256}
        query = select(func.max(VERDICTS.c.sequence)).filter_by(**of_bundle)
        held = self._database.only_writer(f"verdicts of {self._model}", _LOCK_SECONDS)
        with held as connection, self._database.errors_mapped(), connection.begin():
            sequence = max(connection.scalar(query) or 0, after) + 1
            connection.execute(insert(VERDICTS).values(**of_bundle, sequence=sequence, key=key, time=time))
        return sequence
