"""``fmnist pipelines``: Pachyderm pipelines from spec files."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fmnist import wiring as engines
from fmnist.cli.console import as_json, pass_settings, print_json, print_table, say, working
from fmnist.settings import PROJECT

if TYPE_CHECKING:
    from fmnist.retraining.pachyderm.apply import Applied
    from fmnist.retraining.pachyderm.files import SpecFile
    from fmnist.settings import Settings

_specs = click.argument("specs", nargs=-1, type=click.Path(exists=True, path_type=Path))
_image = click.option(
    "--image",
    envvar="FMNIST_IMAGE",
    required=True,
    help="By tag or digest, never latest [env: FMNIST_IMAGE].",
)


@click.group()
def pipelines() -> None:
    """Check pipeline specs, set their image, and apply them to a Pachyderm server.

    \b
    Examples:
      fmnist pipelines validate
      fmnist pipelines render --image registry.example.com/fmnist-train:1.4.0
      fmnist pipelines apply --image registry.example.com/fmnist-train:1.4.0 --dry-run

    SPECS are files or folders; without any, those in pipelines/.
    """


@pipelines.command()
@_specs
@as_json
def validate(specs: tuple[Path, ...], as_json: bool) -> None:
    """Check SPECS for mistakes, those that a server accepts included.

    \b
    Examples:
      fmnist pipelines validate
      fmnist pipelines validate my-pipeline.json --json
    """
    files = _read(specs)
    if as_json:
        print_json([{"file": file.path, "name": file.name, "sha256": file.sha256} for file in files])
        return
    for file in files:
        click.echo(f"{file.path}: {file.name} is in order")


@pipelines.command()
@_specs
@_image
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), help="Write files there.")
@as_json
def render(specs: tuple[Path, ...], image: str, folder: Path | None, as_json: bool) -> None:
    """Print SPECS with the image that they are to run, as pachctl create pipeline -f takes them.

    \b
    Examples:
      fmnist pipelines render --image registry.example.com/fmnist-train:1.4.0
      fmnist pipelines render --image fmnist-train@sha256:0a1b… --to rendered
    """
    from fmnist.files.atomic import write_atomically
    from fmnist.retraining.pachyderm.files import render as rendered

    files = rendered(_read(specs), image)
    if folder:
        for file in files:
            write_atomically(folder / f"{file.name}.yaml", file.yaml)
            say(f"{folder / file.name}.yaml")
    if as_json:
        print_json([file.document for file in files])
    elif not folder:
        click.echo("---\n".join(file.yaml for file in files), nl=False)


@pipelines.command()
@_specs
@_image
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option(
    "--wait",
    "seconds",
    type=click.FloatRange(min=0),
    default=120,
    show_default=True,
    help="How many seconds to wait for the pipelines to be ready; 0: not at all.",
)
@as_json
@pass_settings
def apply(
    settings: "Settings", specs: tuple[Path, ...], image: str, dry_run: bool, seconds: float, as_json: bool
) -> None:
    """Create the pipelines of SPECS, or update those whose spec or image has changed.

    Nothing is applied if a spec holds a mistake, or a secret, repo or branch is missing.

    \b
    Examples:
      fmnist pipelines apply --image registry.example.com/fmnist-train:1.4.0
      fmnist pipelines apply pipelines/fmnist-validate.yaml --image fmnist-train@sha256:0a1b… --dry-run

    The server: PACHD_ADDRESS, and PACH_PYTHON_AUTH_TOKEN where it asks for one.
    """
    from fmnist.retraining.pachyderm.apply import Applied, carry_out, plan
    from fmnist.retraining.pachyderm.files import render as rendered

    files = rendered(_read(specs), image)
    server = engines.pipeline_server(settings)
    with working("Asking the server"):
        steps = plan(server, files)
    if dry_run:
        _show([Applied(step.file.name, step.action, step.version, None) for step in steps], as_json)
        return
    with working("Applying"):
        done = carry_out(server, steps, say, seconds)
    _show(done, as_json)


def _read(paths: tuple[Path, ...]) -> "list[SpecFile]":
    from fmnist.retraining.pachyderm.files import read_specs

    return read_specs(paths or [PROJECT / "pipelines"])


def _show(pipelines: "Sequence[Applied]", as_json: bool) -> None:
    if as_json:
        print_json([asdict(one) for one in pipelines])
        return
    rows = [(one.name, one.action, one.version, one.state or "") for one in pipelines]
    print_table(("pipeline", "action", "version", "state"), rows)
