"""``fmnist lineage``: trace a version back to its data and code."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from fmnist import wiring
from fmnist.cli.console import as_json, pass_settings, print_json, working
from fmnist.core.fashion_mnist import MODEL_NAME

if TYPE_CHECKING:
    from fmnist.settings import Settings


@click.command()
@click.argument("version", type=click.IntRange(min=1), required=False)
@click.option("--model", default=MODEL_NAME, show_default=True)
@as_json
@pass_settings
def lineage(settings: "Settings", version: int | None, model: str, as_json: bool) -> None:
    """Trace VERSION (default: the latest) back to its data and code.

    Each link was made from the one below it.

    \b
    Examples:
      fmnist lineage 3
      fmnist lineage 3 --json
    """
    from fmnist.catalogue.promotions import format_tenures
    from fmnist.report.lineage import chain, lineage_of

    with working("Reading the registry"):
        links = lineage_of(wiring.model_registry(settings).get(model, version))
    tenures = wiring.promotion_log(settings, model).read().of(links.bundle_sha256)
    if as_json:
        print_json({**asdict(links), "promotions": [asdict(tenure) for tenure in tenures]})
    else:
        served = [("serving", format_tenures(tenures))] if tenures else []
        for depth, (link, text) in enumerate([*served, *chain(links)]):
            click.echo(f"{'   ' * (depth - 1)}{'└─ ' if depth else ''}{link}: {text}")
