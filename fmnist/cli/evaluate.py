"""``fmnist evaluate``."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from fmnist import wiring as engines
from fmnist.cli.console import as_json, pass_settings, print_json, print_table, working
from fmnist.core.bundle import Bundle, open_bundle
from fmnist.core.fashion_mnist import CLASSES, GROUPS, MODEL_NAME, TEST

if TYPE_CHECKING:
    from fmnist.core.metrics import Scores
    from fmnist.data.base import Commit
    from fmnist.settings import Settings


@click.command()
@click.argument("model", metavar="CHECKPOINT|VERSION")
@click.option("--data", "ref", default="master", show_default=True, help=f"Commit or branch of {TEST.repo}.")
@click.option(
    "--report", type=click.Path(file_okay=False, path_type=Path), help="Folder for metrics and confusion."
)
@as_json
@pass_settings
def evaluate(settings: "Settings", model: str, ref: str, report: Path | None, as_json: bool) -> None:
    """Score a checkpoint folder or a registered version on the test data.

    \b
    Examples:
      fmnist evaluate 3
      fmnist evaluate .fmnist/checkpoints/fmnist-const/RUN
      fmnist evaluate 3 --data 5149e826d618a668b764bc4f2360164e8c6ffed1 --json
      fmnist evaluate 3 --report reports/version-3
    """
    from fmnist.core.metrics import score
    from fmnist.core.predictor import Predictor
    from fmnist.data.commits import load
    from fmnist.report.evaluation import write_evaluation

    store = engines.data_store(settings)
    with _scratch(model) as scratch, working("Scoring on the test data"):
        bundle = _bundle(settings, model, scratch)
        commit = store.get(TEST.repo, ref)
        dataset = load(store, commit)
        probabilities = Predictor(bundle).predict(dataset.images)
        scores = score(probabilities, dataset.labels)
        if report:
            write_evaluation(report, probabilities, dataset.labels)
    print_json(_document(model, bundle, commit, scores)) if as_json else _show(model, commit, scores)


def _scratch(model: str) -> AbstractContextManager[str]:
    return TemporaryDirectory(prefix="fmnist-") if model.isdecimal() else nullcontext("")


def _bundle(settings: "Settings", model: str, scratch: str) -> Bundle:
    """A number is a version; anything else is a folder."""
    if not model.isdecimal():
        return open_bundle(Path(model))
    registry = engines.model_registry(settings)
    return registry.download(registry.get(MODEL_NAME, int(model)), Path(scratch) / "bundle")


def _document(model: str, bundle: Bundle, commit: "Commit", scores: "Scores") -> dict[str, Any]:
    return {
        "model": model,
        "bundle_sha256": bundle.sha256,
        "test_data": {"repo": commit.repo, "commit": commit.id, "dataset": commit.origin},
        "metrics": scores.scalars(),
        "classes": {
            name: {"precision": scores.precision[number], "recall": scores.recall[number]}
            for number, name in enumerate(CLASSES)
        },
        "confusion": scores.confusion.tolist(),
    }


def _show(model: str, commit: "Commit", scores: "Scores") -> None:
    click.echo(f"{model}\non {commit.repo}@{commit.id}, dataset={commit.origin}")
    print_table(
        ("of all classes", "value"),
        [
            ("accuracy", f"{scores.accuracy:.4f}"),
            ("macro precision", f"{scores.macro_precision:.4f}"),
            ("macro recall", f"{scores.macro_recall:.4f}"),
            ("macro F1", f"{scores.macro_f1:.4f}"),
        ],
    )
    print_table(
        ("class", "precision", "recall"),
        [
            (name, f"{scores.precision[number]:.4f}", f"{scores.recall[number]:.4f}")
            for number, name in enumerate(CLASSES)
        ],
    )
    print_table(
        ("group", "accuracy", "classes"),
        [
            ("all five", f"{scores.groups_accuracy:.4f}", f"macro F1 {scores.groups_macro_f1:.4f}"),
            *(
                (name, f"{scores.group_accuracy[name]:.4f}", ", ".join(CLASSES[number] for number in members))
                for name, members in GROUPS.items()
            ),
        ],
    )
