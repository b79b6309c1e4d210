"""``fmnist predict``: what the served model says of images."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fmnist.cli.console import as_json, print_json, print_table
from fmnist.core.fashion_mnist import CLASSES, TEST

if TYPE_CHECKING:
    from fmnist.serving.client import Answer, Client

_TAGS = ("model", "model_version", "data_origin", "train_data_repo", "train_data_commit", "run", "git_commit")


@dataclass(frozen=True)
class _Row:
    """An image, the answer for it, and its true class if that is known."""

    name: str
    truth: str | None
    answer: "Answer"


@click.command()
@click.argument("images", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--test", "count", type=click.IntRange(1, 1000), help="The first N images of the test data.")
@click.option("--url", help="Address of the model [default: the local gateway].")
@as_json
def predict(images: tuple[Path, ...], count: int | None, url: str | None, as_json: bool) -> None:
    """Classify PNG or JPEG files, or images of the test data, through the gateway.

    \b
    Examples:
      fmnist predict shoe.png bag.jpg
      fmnist predict --test 10
      fmnist predict --url http://gateway.example.com/seldon/default/fashion-classifier shoe.png
    """
    from fmnist.serving.client import Client

    if not images and not count:
        raise click.UsageError("name image files, or --test N")
    with Client(url or _local_address()) as client:
        rows = [*_of_files(client, images), *_of_test_data(client, count or 0)]
    if as_json:
        print_json([_document(row) for row in rows])
    else:
        _print(rows)


def _local_address() -> str:
    from fmnist.deployment.manifest import load_manifest
    from fmnist.settings import PROJECT, from_environment

    return from_environment().gateway + load_manifest(PROJECT / "deploy" / "deploy.yaml").path


def _of_files(client: "Client", images: tuple[Path, ...]) -> Iterator[_Row]:
    from fmnist.errors import PayloadError

    for path in images:
        try:
            yield _Row(str(path), None, client.predict_file(path.read_bytes()))
        except PayloadError as error:
            raise PayloadError(f"{path}: {error}", reason=error.reason) from error


def _of_test_data(client: "Client", count: int) -> Iterator[_Row]:
    if not count:
        return
    from fmnist.data.commits import load
    from fmnist.settings import from_environment
    from fmnist.wiring import data_store

    store = data_store(from_environment())
    dataset = load(store, store.get(TEST.repo))
    for number in range(min(count, len(dataset))):
        answer = client.predict(dataset.images[number : number + 1])
        yield _Row(f"{TEST.repo}[{number}]", CLASSES[dataset.labels[number]], answer)


def _document(row: _Row) -> dict[str, object]:
    return {
        "image": row.name,
        "truth": row.truth,
        "predictions": [asdict(prediction) for prediction in row.answer.predictions],
        "tags": dict(row.answer.tags),
    }


def _print(rows: list[_Row]) -> None:
    truth = ("truth",) if any(row.truth for row in rows) else ()
    lines = []
    for row in rows:
        for prediction in row.answer.predictions:
            known = (row.truth or "",) if truth else ()
            lines.append((row.name, prediction.label, f"{prediction.probability:.4f}", *known))
    print_table(("image", "class", "probability", *truth), lines)
    for tags in {row.answer.tags["model_version"]: row.answer.tags for row in rows}.values():
        click.echo("  ".join(f"{name}={tags[name]}" for name in _TAGS if name in tags))
