"""Program of fmnist-validate: ``python3 -m fmnist.jobs.validate_data``."""

from pathlib import Path

import click

from fmnist import wiring
from fmnist.core.fashion_mnist import TRAIN
from fmnist.core.logs import bind
from fmnist.data.quality import validate
from fmnist.files.atomic import write_atomically
from fmnist.jobs.pipeline_program import out, run, say
from fmnist.settings import from_environment

RESULT = "validation.json"


@click.command()
@click.option(
    "--commit", envvar="raw_COMMIT", required=True, help="Of fmnist-train-raw [default: the job's]."
)
@out
def validate_data(commit: str, out: Path) -> None:
    """Check a commit of training images; write what was found, or end with what is wrong.

    \b
    Example:
      FMNIST_DATA_STORE=pachyderm python3 -m fmnist.jobs.validate_data --commit 8d0b3f… --out /tmp
    """
    store = wiring.data_store(from_environment())
    bind(data_commit=commit)
    say(f"checking {TRAIN.repo}@{commit}")
    found = validate(store, store.get(TRAIN.repo, commit))
    write_atomically(out / RESULT, found.text())
    say(
        f"{found.images} images ({found.origin}), {found.duplicates} duplicates; of {found.test_images} test "
        f"images at {found.test_repo}@{found.test_commit} {found.near_duplicates} nearly among them"
    )


if __name__ == "__main__":
    run(validate_data)
