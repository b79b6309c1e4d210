"""``fmnist promote`` and ``fmnist rollback``: change the champion."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fmnist.cli.console import as_json, pass_settings, working
from fmnist.core.fashion_mnist import MODEL_NAME
from fmnist.settings import PROJECT

if TYPE_CHECKING:
    from fmnist.deployment.promote import Promotion
    from fmnist.settings import Settings

_model = click.option("--model", default=MODEL_NAME, show_default=True)
_reason = click.option("--reason", metavar="TEXT", help="Why; recorded in the history with your name.")


@click.command()
@click.argument("version", type=click.IntRange(min=1))
@_reason
@click.option(
    "--policy",
    type=click.Path(path_type=Path),
    default=PROJECT / "gate.yaml",
    help="The bounds that it must have passed [default: gate.yaml of the checkout].",
)
@_model
@as_json
@pass_settings
def promote(
    settings: "Settings", version: int, reason: str | None, policy: Path, model: str, as_json: bool
) -> None:
    """Make VERSION the champion: it gets all traffic, is verified to serve, and is recorded.

    It must have passed the gate, by the bounds and on the test data that apply now; the signature of its
    verdict is checked again.

    \b
    Examples:
      fmnist promote 3
      fmnist promote 3 --reason "knows the new shirts" --json
    """
    from fmnist.deployment.promote import Actor
    from fmnist.settings import user
    from fmnist.wiring import promoter

    with working(f"Promoting version {version}"):
        done = promoter(settings, model, policy).promote(version, Actor(user(), reason))
    _show(done, as_json)


@click.command()
@_reason
@_model
@as_json
@pass_settings
def rollback(settings: "Settings", reason: str | None, model: str, as_json: bool) -> None:
    """Roll back to the last known good version: one that was replaced, and neither rolled back nor dead.

    \b
    Examples:
      fmnist rollback
      fmnist rollback --reason "takes coats for shirts" --json
    """
    from fmnist.deployment.promote import Actor
    from fmnist.settings import user
    from fmnist.wiring import promoter

    with working("Rolling back"):
        done = promoter(settings, model).rollback(Actor(user(), reason))
    _show(done, as_json)


def _show(done: "Promotion", as_json: bool) -> None:
    from fmnist.cli.serving import print_outcome

    lines = [f"{done.deployment.model} {done.champion.version}: champion since {done.champion.since}"]
    if done.before:
        lines.append(f"  version {done.before.version}, since {done.before.since}, was {done.before.ended}")
    lines.append(f"  {done.deployment.url}/api/v1.0/predictions")
    print_outcome(done.notes, asdict(done) if as_json else lines)
