"""Program of fmnist-train: ``python3 -m fmnist.jobs.start_search``."""

from pathlib import Path

import click

from fmnist import wiring
from fmnist.core.fashion_mnist import TRAIN
from fmnist.core.logs import bind
from fmnist.data.base import DataStore
from fmnist.data.quality import Validation
from fmnist.errors import IntegrityError, NotFoundError
from fmnist.jobs.pipeline_program import PFS, experiment, out, run, say, seconds
from fmnist.jobs.validate_data import RESULT as VALIDATION
from fmnist.retraining.training import train_on, write_result
from fmnist.settings import from_environment

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
    settings = from_environment()
    cluster = wiring.cluster_of(settings)
    raw = wiring.pipeline_server(settings).origin(_VALIDATED, commit, TRAIN.repo)
    bind(data_commit=raw)
    validation = _validation(folder, cluster.store, raw)
    write_result(out, train_on(validation, raw, file, cluster, seconds, say))


def _validation(folder: Path, store: DataStore, raw: str) -> Validation:
    """The validation of the data commit ``raw``.

    It may name an earlier commit with the same files: Pachyderm does not process the same content twice.
    """
    file = folder / VALIDATION
    try:
        validation = Validation.read(file.read_text(), str(file))
    except OSError as error:
        raise NotFoundError(f"{file}: cannot be read: {error.strerror}") from error
    files = {entry.name: entry.sha256 for entry in store.get(TRAIN.repo, raw).files}
    if files != dict(validation.files):
        raise IntegrityError(
            f"{file}: is of {validation.repo}@{validation.commit}, whose files are not those of "
            f"{TRAIN.repo}@{raw}"
        )
    return validation


if __name__ == "__main__":
    run(start_search)
