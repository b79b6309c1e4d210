"""``fmnist``: the command line. A command's module loads when it is used, so that ``--help`` is quick."""

import importlib
import io
import os
import sys
from pathlib import Path
from typing import Any

import click

from fmnist.core.logs import mask_tracebacks
from fmnist.errors import ConfigError, FmnistError, mask_passwords
from fmnist.files.atomic import disk_errors

_EXTRAS = {"determined", "dvc_s3", "psycopg2", "python_pachyderm", "wandb"}
"""Packages of pyproject.toml's extras that ``make setup`` leaves out."""

_COMMANDS = {
    "data": ("fmnist.cli.data", "Version raw data, and inspect it."),
    "train": ("fmnist.cli.train", "Train one model from a Determined experiment file."),
    "retrain": ("fmnist.cli.train", "Train a version again, on its data commit."),
    "search": ("fmnist.cli.search", "Search hyperparameters from a Determined experiment file."),
    "experiments": ("fmnist.cli.experiments", "Submit experiment files to a Determined cluster."),
    "pipelines": ("fmnist.cli.pipelines", "Apply Pachyderm pipelines to a cluster."),
    "evaluate": ("fmnist.cli.evaluate", "Score a checkpoint or a version on the test data."),
    "models": ("fmnist.cli.models", "Register, list, describe and download model versions."),
    "gate": ("fmnist.cli.gate", "Test a version against gate.yaml."),
    "report": ("fmnist.cli.report", "Write a report on all versions and their results."),
    "deploy": ("fmnist.cli.deploy", "Serve a version behind the gateway."),
    "promote": ("fmnist.cli.promote", "Make a version that passed the gate the champion."),
    "rollback": ("fmnist.cli.promote", "Roll back to the last known good version."),
    "up": ("fmnist.cli.up", "Serve the champion."),
    "status": ("fmnist.cli.status", "Show deployments and processes."),
    "down": ("fmnist.cli.down", "Stop all deployments and processes."),
    "predict": ("fmnist.cli.predict", "Classify image files through the gateway."),
    "lineage": ("fmnist.cli.lineage", "Trace a version back to its data and code."),
    "demo": ("fmnist.cli.demo", "Run the whole path once."),
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module = importlib.import_module(_COMMANDS[name][0])
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands, in the order of the path"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fmnist")
def fmnist() -> None:
    """From a data commit to a served, traceable prediction.

    \b
    Examples:
      fmnist data fetch
      fmnist train const.yaml
      fmnist models list
      fmnist deploy --version 1
      fmnist predict shoe.png

    State lives in FMNIST_HOME (default: .fmnist in the checkout).
    """


def main(**options: Any) -> None:
    """Run the command line; an error of the project becomes one line and its exit code."""
    mask_tracebacks()
    try:
        _check_folder()
        with disk_errors():
            fmnist(standalone_mode=False, **options)
            sys.stdout.flush()
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        click.echo(mask_passwords(shown.getvalue()), err=True, nl=False)
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("fmnist: interrupted", err=True)
        sys.exit(130)
    except FmnistError as error:
        click.echo(f"fmnist: {error}", err=True)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRAS:
            raise
        click.echo(f"fmnist: {package} is not installed; make extras adds it to .venv", err=True)
        sys.exit(ConfigError.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


def _check_folder() -> None:
    """Raise ConfigError if the current folder was deleted: paths and libraries depend on it."""
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise ConfigError("the current folder was deleted; cd to another one") from error


if __name__ == "__main__":
    main()
