"""What fmnist-train runs: ``python3 -m fmnist.jobs.start_search``."""

from pathlib import Path

import click

from fmnist import settings
from fmnist import wiring as engines
from fmnist.core.fashion_mnist import TRAIN
from fmnist.data.base import DataStore
from fmnist.data.quality import Validation
from fmnist.errors import IntegrityError, NotFoundError
from fmnist.files.atomic import write_atomically
from fmnist.jobs.program import PFS, experiment, out, run, say, seconds
from fmnist.jobs.validate_data import RESULT as VALIDATION
from fmnist.retraining.training import RESULT, train_on
from fmnist.wiring import cluster_of

_VALIDATED = "fmnist-validate"


@click.command()
@click.option(
    "--commit", envvar="validated_COMMIT", required=True, help=f"Of {_VALIDATED} [default: the job's]."
)
@click.option(
    "--input", "folder", type=click.Path(path_type=Path), default=PFS / "validated", show_default=True
)
@experiment
@seconds
@out
def start_search(commit: str, folder: Path, file: Path, seconds: float, out: Path) -> None:
    """Train on the data commit that this commit of fmnist-validate comes from, once.

    \b
    Example:
      python3 -m fmnist.jobs.start_search --commit 8d0b3f… --input /tmp/validated --out /tmp
    """
    own = settings.from_environment()
    cluster = cluster_of(own)
    raw = engines.pipeline_server(own).origin(_VALIDATED, commit, TRAIN.repo)
    found = _validation(folder, cluster.store, raw)
    write_atomically(out / RESULT, train_on(found, raw, file, cluster, seconds, say).text())


def _validation(folder: Path, store: DataStore, raw: str) -> Validation:
    """What was found in the data commit ``raw``.

    Pachyderm does not validate the same content twice, so it may name an earlier commit with the same files.
    """
    file = folder / VALIDATION
    try:
        found = Validation.read(file.read_text(), str(file))
    except OSError as error:
        raise NotFoundError(f"{file}: cannot be read: {error.strerror}") from error
    held = {one.name: one.sha256 for one in store.get(TRAIN.repo, raw).files}
    if held != dict(found.files):
        raise IntegrityError(
            f"{file}: is of {found.repo}@{found.commit}, whose files are not those of {TRAIN.repo}@{raw}"
        )
    return found


if __name__ == "__main__":
    run(start_search)
