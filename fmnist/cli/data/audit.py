"""``fmnist data audit``: labels that are likely wrong, and images in both splits."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fmnist.cli.console import as_json, pass_settings, print_json, print_table, say
from fmnist.core.fashion_mnist import TEST, TRAIN
from fmnist.data.base import BRANCH
from fmnist.wiring import data_store

if TYPE_CHECKING:
    from fmnist.data.audit import Audit
    from fmnist.settings import Settings


@click.command()
@click.option("--train", "train_ref", default=BRANCH, show_default=True, help=f"Commit of {TRAIN.repo}.")
@click.option("--test", "test_ref", default=BRANCH, show_default=True, help=f"Commit of {TEST.repo}.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("reports/audit"),
    show_default=True,
    help="Folder for the report and its pictures.",
)
@as_json
@pass_settings
def audit(settings: "Settings", train_ref: str, test_ref: str, out: Path, as_json: bool) -> None:
    """Look for training images with a wrong label, and test images that are in the training data.

    Labels are suspect when a model cross-validated on the other images is sure of another class.
    The report lists them all; its pictures show the surest.

    \b
    Examples:
      fmnist data audit
      fmnist data audit --out /tmp/audit --json
    """
    from fmnist.data.audit import audit as audit_data
    from fmnist.data.audit import write_report
    from fmnist.data.commits import load

    store = data_store(settings)
    commits = store.get(TRAIN.repo, train_ref), store.get(TEST.repo, test_ref)
    train, test = (load(store, commit) for commit in commits)
    result = audit_data(train, test, say)
    write_report(out, result, train, test)
    if as_json:
        print_json(
            {"report": str(out), "commits": [f"{c.repo}@{c.id}" for c in commits], **result.document()}
        )
    else:
        _show(result, out)


def _show(result: "Audit", out: Path) -> None:
    document = result.document()
    per_class = document["likely_mislabelled"]["per_class"]
    rows = [("all images", len(result.suspects)), *per_class.items()]
    print_table(("labelled", "suspects"), rows)
    duplicates = document["near_duplicates"]
    click.echo(
        f"Likely mislabelled: {len(result.suspects)} of {result.images} training images, by a model of "
        f"cross-validated accuracy {result.accuracy:.3f}\n"
        f"Test images with a near-duplicate in training: {duplicates['count']}, "
        f"{duplicates['exact']} of them exact, {duplicates['differently_labelled']} with another label\n{out}"
    )
