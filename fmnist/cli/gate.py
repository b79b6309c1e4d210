"""``fmnist gate``: the same gate as GitLab's, on this machine."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fmnist.cli.console import as_json, pass_settings, print_json, print_table, working
from fmnist.core.fashion_mnist import MODEL_NAME, TEST
from fmnist.errors import GateRefused
from fmnist.settings import PROJECT

if TYPE_CHECKING:
    from fmnist.gate.gate import GateRun
    from fmnist.gate.verdict import GateResult
    from fmnist.registry.base import ModelVersion
    from fmnist.settings import Settings


@click.command()
@click.option("--version", "number", type=click.IntRange(min=1), help="Version to test [default: latest].")
@click.option("--model", default=MODEL_NAME, show_default=True)
@click.option("--data", "ref", default="master", show_default=True, help=f"Commit or branch of {TEST.repo}.")
@click.option(
    "--policy",
    type=click.Path(path_type=Path),
    default=PROJECT / "gate.yaml",
    help="The bounds [default: gate.yaml of the checkout].",
)
@click.option("--override", metavar="REASON", help="Override the verdict; reason and user name are recorded.")
@as_json
@pass_settings
def gate(
    settings: "Settings",
    number: int | None,
    model: str,
    ref: str,
    policy: Path,
    override: str | None,
    as_json: bool,
) -> None:
    """Test a version against gate.yaml and write the signed result into its metadata.

    The exit code is 8 if the version is refused; its result is written all the same. An override is
    recorded with user and reason, and shown wherever the version is.

    \b
    Examples:
      fmnist gate
      fmnist gate --version 3
      fmnist gate --version 3 --policy strict.yaml --json
      fmnist gate --version 3 --override "the new shirts are not in the test data yet"
    """
    from fmnist.jobs.gate import GateArguments, run

    with working("Testing the model version"):
        tested = run(settings, GateArguments(model, number, ref, policy, override))
    version, result = tested.version, tested.result
    if as_json:
        groups = asdict(tested.evidence.groups) if tested.evidence.groups else None
        print_json({**result.document(), "groups": groups})
    else:
        _show(tested)
    if not result.passed:
        raise GateRefused(f"version {version.number} of {version.model} is refused: {result.reasons}")


def _show(tested: "GateRun") -> None:
    result, groups = tested.result, tested.evidence.groups
    rows = [(rule.name, rule.outcome, rule.explanation) for rule in result.verdict.rules]
    print_table(("rule", "outcome", "measured"), rows, title=_title(tested.version, result))
    if groups:
        click.echo(f"the five groups: accuracy {groups.accuracy:.4f}, macro F1 {groups.macro_f1:.4f}")
    if result.override:
        click.echo(f"overridden by {result.override.who}: {result.override.reason}")


def _title(version: "ModelVersion", result: "GateResult") -> str:
    data = result.test_data
    origin = version.metadata.provenance.train_data.origin
    return (
        f"{version.model} {version.number} (dataset={origin})\non {data.repo}@{data.commit} ({data.origin})"
    )
