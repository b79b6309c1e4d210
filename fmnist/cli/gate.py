"""``fmnist gate``: the decision that GitLab takes, on this machine."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fmnist import settings
from fmnist.cli.console import as_json, print_json, print_table, working
from fmnist.errors import GateRefused
from fmnist.fashion_mnist import MODEL_NAME, TEST

if TYPE_CHECKING:
    from fmnist.gate.result import GateResult
    from fmnist.registry.base import ModelVersion


@click.command()
@click.option("--version", "number", type=click.IntRange(min=1), help="Version to test [default: latest].")
@click.option("--model", default=MODEL_NAME, show_default=True)
@click.option("--data", "ref", default="master", show_default=True, help=f"Commit or branch of {TEST.repo}.")
@click.option(
    "--policy",
    type=click.Path(path_type=Path),
    default=settings.PROJECT / "gate.yaml",
    help="The bounds [default: gate.yaml of the checkout].",
)
@as_json
def gate(number: int | None, model: str, ref: str, policy: Path, as_json: bool) -> None:
    """Test a version against gate.yaml and write the result into its metadata.

    A refused version ends with exit code 8; its result is written all the same.

    \b
    Examples:
      fmnist gate
      fmnist gate --version 3
      fmnist gate --version 3 --policy strict.yaml --json
    """
    from fmnist.gate.examine import examine
    from fmnist.gate.keys import Keys
    from fmnist.gate.policy import read_policy

    bounds = read_policy(policy)
    own = settings.from_environment()
    registry, store = settings.model_registry(own), settings.data_store(own)
    with working("Testing the model version"):
        version = registry.get(model, number)
        key = Keys.at(own.home).signing()
        result = examine(registry, store, version, store.get(TEST.repo, ref), bounds, key, datetime.now(UTC))
    _show(version, result, as_json)


def _show(version: "ModelVersion", result: "GateResult", as_json: bool) -> None:
    if as_json:
        print_json({"model": version.model, "version": version.number, **result.document()})
    else:
        rows = [(rule.name, rule.outcome, rule.explanation) for rule in result.verdict.rules]
        print_table(("rule", "result", "measured"), rows, title=_title(version, result))
    if broken := result.verdict.broken:
        rules = "; ".join(f"{rule.name} ({rule.explanation})" for rule in broken)
        raise GateRefused(f"version {version.number} of {version.model} is refused: {rules}")


def _title(version: "ModelVersion", result: "GateResult") -> str:
    data = result.test_data
    origin = version.metadata.provenance.train_data.origin
    return (
        f"{version.model} {version.number} (dataset={origin})\non {data.repo}@{data.commit} ({data.origin})"
    )
