"""``fmnist predict``: classify images through the gateway."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fmnist.cli.console import as_json, pass_settings, print_json, print_table
from fmnist.core.fashion_mnist import CLASSES, TEST

if TYPE_CHECKING:
    from fmnist.serving.client import Client, Response
    from fmnist.settings import Settings

_TAGS = ("model", "model_version", "data_origin", "train_data_repo", "train_data_commit", "run", "git_commit")


@dataclass(frozen=True)
class _Row:
    """An image's name, its true class if that is known, and the server's response."""

    name: str
    truth: str | None
    response: "Response"


@click.command()
@click.argument("images", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--test", "count", type=click.IntRange(1, 1000), help="The first N images of the test data.")
@click.option("--url", help="Address of the model [default: the local gateway].")
@as_json
@pass_settings
def predict(
    settings: "Settings", images: tuple[Path, ...], count: int | None, url: str | None, as_json: bool
) -> None:
    """Classify PNG or JPEG files, or images of the test data, through the gateway.

    \b
    Examples:
      fmnist predict shoe.png bag.jpg
      fmnist predict --test 10
      fmnist predict --url http://gateway.example.com/seldon/default/fashion-classifier shoe.png
    """
    from fmnist.serving.client import Client
    from fmnist.wiring import platform

    if not images and not count:
        raise click.UsageError("name image files, or --test N")
    with Client(url or platform(settings).url) as client:
        rows = [*_predict_files(client, images), *_predict_test_data(settings, client, count or 0)]
    if as_json:
        print_json([_document(row) for row in rows])
    else:
        _print(rows)


def _predict_files(client: "Client", images: tuple[Path, ...]) -> Iterator[_Row]:
    from fmnist.errors import PayloadError

    for path in images:
        try:
            yield _Row(str(path), None, client.predict_file(path.read_bytes()))
        except PayloadError as error:
            raise PayloadError(f"{path}: {error}", reason=error.reason) from error


def _predict_test_data(settings: "Settings", client: "Client", count: int) -> Iterator[_Row]:
    if not count:
        return
    from fmnist.data.commits import load
    from fmnist.wiring import data_store

    store = data_store(settings)
    dataset = load(store, store.get(TEST.repo))
    for number in range(min(count, len(dataset))):
        response = client.predict(dataset.images[number : number + 1])
        yield _Row(f"{TEST.repo}[{number}]", CLASSES[dataset.labels[number]], response)


def _document(row: _Row) -> dict[str, object]:
    return {
        "image": row.name,
        "truth": row.truth,
        "predictions": [asdict(prediction) for prediction in row.response.predictions],
        "tags": dict(row.response.tags),
    }


def _print(rows: list[_Row]) -> None:
    truth = ("truth",) if any(row.truth for row in rows) else ()
    lines = []
    for row in rows:
        for prediction in row.response.predictions:
            known = (row.truth or "",) if truth else ()
            lines.append((row.name, prediction.label, f"{prediction.probability:.4f}", *known))
    print_table(("image", "class", "probability", *truth), lines)
    for tags in {row.response.tags["model_version"]: row.response.tags for row in rows}.values():
        click.echo("  ".join(f"{name}={tags[name]}" for name in _TAGS if name in tags))
