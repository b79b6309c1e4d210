"""``fmnist data audit``: what may be wrong with the data."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fmnist.cli.console import as_json, print_json, print_table, say
from fmnist.core.fashion_mnist import TEST, TRAIN
from fmnist.settings import from_environment
from fmnist.wiring import data_store

if TYPE_CHECKING:
    from fmnist.data.audit.report import Audit


@click.command()
@click.option("--train", "train_ref", default="master", show_default=True, help=f"Commit of {TRAIN.repo}.")
@click.option("--test", "test_ref", default="master", show_default=True, help=f"Commit of {TEST.repo}.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("reports/audit"),
    show_default=True,
    help="Folder for the report and its pictures.",
)
@as_json
def audit(train_ref: str, test_ref: str, out: Path, as_json: bool) -> None:
    """Look for training images with a wrong label, and test images that are in the training data.

    Labels are suspect when a model cross-validated on the other images is sure of another class.
    The report lists them all; its pictures show the surest.

    \b
    Examples:
      fmnist data audit
      fmnist data audit --out /tmp/audit --json
    """
    from fmnist.data.audit.report import audit as find
    from fmnist.data.audit.report import write_report
    from fmnist.data.diff import commit_of
    from fmnist.data.fetch import load

    store = data_store(from_environment())
    commits = commit_of(store, TRAIN.repo, train_ref), commit_of(store, TEST.repo, test_ref)
    train, test = (load(store, commit) for commit in commits)
    found = find(train, test, say)
    write_report(out, found, train, test)
    if as_json:
        print_json({"report": str(out), "commits": [f"{c.repo}@{c.id}" for c in commits], **found.document()})
    else:
        _show(found, out)


def _show(found: "Audit", out: Path) -> None:
    document = found.document()
    per_class = document["likely_mislabelled"]["per_class"]
    rows = [("all images", len(found.suspects)), *per_class.items()]
    print_table(("labelled", "suspects"), rows)
    twins = document["near_duplicates"]
    click.echo(
        f"Likely mislabelled: {len(found.suspects)} of {found.images} training images, by a model of "
        f"cross-validated accuracy {found.accuracy:.3f}\n"
        f"Test images with a near-duplicate in training: {twins['count']}, {twins['exact']} of them exact, "
        f"{twins['differently_labelled']} labelled otherwise\n{out}"
    )
