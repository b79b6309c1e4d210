"""``fmnist``: the path's verbs. Modules load when their verb is used, so that ``--help`` is quick."""

import importlib
import os
import sys
from typing import Any

import click

from fmnist.errors import FmnistError

_VERBS = {
    "data": ("fmnist.cli.data", "Put raw data into versioned repos, and look at it there."),
    "train": ("fmnist.cli.train", "Train one model from a Determined experiment file."),
    "search": ("fmnist.cli.search", "Search hyperparameters from a Determined experiment file."),
    "experiments": ("fmnist.cli.experiments", "Submit experiment files to a Determined cluster."),
    "pipelines": ("fmnist.cli.pipelines", "Bring Pachyderm pipelines to a cluster."),
    "evaluate": ("fmnist.cli.evaluate", "Score a checkpoint or a version on the test data."),
    "models": ("fmnist.cli.models", "Register, list, describe and download model versions."),
    "gate": ("fmnist.cli.gate", "Test a version against gate.yaml."),
    "report": ("fmnist.cli.report", "Write a report on all versions and how they did."),
    "deploy": ("fmnist.cli.deploy", "Serve a version behind the gateway."),
    "promote": ("fmnist.cli.promote", "Make a version that passed the gate the champion."),
    "rollback": ("fmnist.cli.promote", "Roll back to the last known good version."),
    "up": ("fmnist.cli.up", "Serve the champion."),
    "status": ("fmnist.cli.status", "Show what runs."),
    "down": ("fmnist.cli.down", "Stop everything that runs."),
    "predict": ("fmnist.cli.predict", "Classify image files through the gateway."),
    "lineage": ("fmnist.cli.lineage", "Trace a version back to its data and code."),
    "demo": ("fmnist.cli.demo", "Walk the whole path once."),
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _VERBS:
            return None
        module = importlib.import_module(_VERBS[name][0])
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs, in the order of the path"):
            formatter.write_dl([(name, line) for name, (_, line) in _VERBS.items()])


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
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
    """Run the command line; the project's errors become one line and their exit code."""
    try:
        fmnist(standalone_mode=False, **options)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("fmnist: interrupted", err=True)
        sys.exit(130)
    except FmnistError as error:
        click.echo(f"fmnist: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


if __name__ == "__main__":
    main()
