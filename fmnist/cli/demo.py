"""``fmnist demo``: run the whole path once and print a table of its steps."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fmnist.cli.console import as_json, pass_settings, print_json, say
from fmnist.core.signals import raise_on_sigterm
from fmnist.settings import PROJECT

if TYPE_CHECKING:
    from fmnist.jobs.demo_report import DemoReport
    from fmnist.settings import Settings


@click.command()
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=PROJECT / "gate.yaml",
    help="The gate's bounds [default: gate.yaml of the checkout].",
)
@click.option(
    "--report",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=PROJECT / "reports" / "demo.json",
    help="Where the report goes [default: reports/demo.json of the checkout].",
)
@as_json
@pass_settings
def demo(settings: "Settings", policy: Path, file: Path, as_json: bool) -> None:
    """Run every stage of the path once, and leave the champion serving.

    \b
    Examples:
      fmnist demo
      FMNIST_SOURCE=~/fashion-mnist fmnist demo
      FMNIST_GATEWAY_PORT=8081 fmnist demo --json
    """
    raise_on_sigterm()
    from fmnist.jobs.demo import walk
    from fmnist.jobs.demo_report import write_report

    report = walk(settings, say, policy)
    write_report(report, file)
    if as_json:
        print_json(report.document())
    else:
        _print(report)


def _print(report: "DemoReport") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from fmnist.report.lineage import chain

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 120
    title = f"fmnist demo, dataset={report.dataset}: {report.seconds:.0f} s, accuracy {report.accuracy:.4f}"
    table = Table("step", "seconds", "outcome", title=title, title_justify="left", header_style="bold")
    table.columns[1].justify = "right"
    for step in report.steps:
        table.add_row(step.name, f"{step.seconds:.1f}", escape(step.outcome))
    table.add_section()
    for prediction in report.answers:
        mark = "✓" if prediction.said == prediction.truth else "✗"
        text = f"{mark} {prediction.truth}: {prediction.said} {prediction.probability:.2f}"
        table.add_row("prediction", "", text)
    table.add_section()
    for name, link in chain(report.lineage):
        table.add_row(f"lineage: {name}", "", escape(link))
    console.print(table)
    loop = f"a loop of 20 million steps takes {report.calibration_seconds:.2f} s here"
    click.echo(f"{report.cores} cores; {loop}. Serving: {report.url}/api/v1.0/doc/ (make down stops it)")
