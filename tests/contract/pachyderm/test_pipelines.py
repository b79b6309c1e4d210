"""Pipelines at a pachd: a spec that is in order is accepted, once, with all others or not at all."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fmnist.errors import ConfigError, IntegrityError, NotFoundError
from fmnist.retraining.pachyderm.apply import Applied, carry_out, plan
from fmnist.retraining.pachyderm.files import read_specs, render
from fmnist.retraining.pachyderm.server import PachydermPipelines
from fmnist.settings import PROJECT
from tests.support.pachd.target import Target

IMAGE = "registry.example.com/fmnist-train:1.4.0"


class Deployment:
    """Our own specs under names that nobody else uses, with their repo and their secrets."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.target = target
        self.server = PachydermPipelines(target.connection())
        self.files = folder / "pipelines"
        self.prefix = target.repo
        self.files.mkdir()
        names = ("fmnist-train-raw", "fmnist-validate", "fmnist-train", "fmnist-nightly", "fmnist-pachyderm")
        for path in (PROJECT / "pipelines").iterdir():
            text = path.read_text()
            for name in (*names, "fmnist-determined"):
                text = text.replace(f": {name}\n", f": {self.named(name)}\n")
                text = text.replace(f": {name},", f": {self.named(name)},")
            (self.files / path.name).write_text(text)

    def named(self, name: str) -> str:
        return self.prefix if name == "fmnist-train-raw" else f"{self.prefix}-{name.removeprefix('fmnist-')}"

    def secret(self, name: str, *keys: str) -> None:
        self.target.client.create_secret(self.named(name), dict.fromkeys(keys, "x"))

    def secrets(self) -> None:
        self.secret("fmnist-pachyderm", "PACH_PYTHON_AUTH_TOKEN")
        self.secret("fmnist-determined", "DET_MASTER", "DET_USER", "DET_PASS")

    def apply(self, image: str = IMAGE) -> list[Applied]:
        steps = plan(self.server, render(read_specs([self.files]), image))
        return carry_out(self.server, steps, lambda _: None, seconds=0)

    def versions(self) -> list[int | None]:
        found = [
            self.server.find(self.named(name))
            for name in ("fmnist-validate", "fmnist-train", "fmnist-nightly")
        ]
        return [one.version if one else None for one in found]

    def clean(self) -> None:
        client: Any = self.target.client
        for name in ("fmnist-nightly", "fmnist-train", "fmnist-validate"):
            if self.server.find(self.named(name)):
                client.delete_pipeline(self.named(name), force=True)
        for name in ("fmnist-pachyderm", "fmnist-determined"):
            if not self.server.missing_secrets([self.named(name)]):
                client.delete_secret(self.named(name))


@pytest.fixture
def deployment(target: Target, tmp_path: Path) -> Iterator[Deployment]:
    own = Deployment(target, tmp_path)
    yield own
    own.clean()


def test_our_specs_are_accepted_and_the_same_again_is_no_version(deployment: Deployment) -> None:
    deployment.target.put_by_hand(a=b"1")
    deployment.secrets()
    assert {(one.action, one.version) for one in deployment.apply()} == {("create", 1)}
    assert {(one.action, one.version) for one in deployment.apply()} == {("unchanged", 1)}
    assert {(one.action, one.version) for one in deployment.apply("fmnist-train:2")} == {("update", 2)}
    assert deployment.versions() == [2, 2, 2]


def test_nothing_is_applied_while_a_secret_is_missing_or_lacks_a_key(deployment: Deployment) -> None:
    deployment.target.put_by_hand(a=b"1")
    with pytest.raises(ConfigError, match=f"{deployment.named('fmnist-determined')}, "):
        deployment.apply()
    deployment.secret("fmnist-pachyderm", "PACH_PYTHON_AUTH_TOKEN")
    deployment.secret("fmnist-determined", "DET_MASTER", "DET_USER")
    with pytest.raises(ConfigError, match=r"fmnist-\w+\.yaml: .* missing key DET_PASS"):
        deployment.apply()
    assert deployment.versions() == [None, None, None]


def test_a_repo_or_branch_that_is_not_there_is_not_made(deployment: Deployment) -> None:
    deployment.secrets()
    with pytest.raises(NotFoundError, match=r"fmnist-validate\.yaml: input raw: .* not found"):
        deployment.apply()
    deployment.target.client.create_repo(deployment.target.repo)
    with pytest.raises(NotFoundError, match=f"{deployment.target.repo} has no branch master, it has none"):
        deployment.apply()
    assert deployment.versions() == [None, None, None]
    assert list(deployment.target.client.list_branch(deployment.target.repo)) == []


def test_output_is_traced_to_the_commit_that_it_was_made_from(deployment: Deployment) -> None:
    target, validate = deployment.target, deployment.named("fmnist-validate")
    raw = target.put_by_hand(a=b"1")
    deployment.secrets()
    deployment.apply()
    output = target.client.inspect_branch(validate, "master").head.id
    assert output != raw
    assert deployment.server.origin(validate, output, target.repo) == raw
    with pytest.raises(IntegrityError, match="expected to be made from a commit of elsewhere"):
        deployment.server.origin(validate, output, "elsewhere")
    with pytest.raises(NotFoundError):
        deployment.server.origin(validate, "0" * 32, target.repo)


def test_the_specs_are_found_as_they_were_put(deployment: Deployment) -> None:
    deployment.target.put_by_hand(a=b"1")
    deployment.secrets()
    deployment.apply()
    (info,) = deployment.target.client.inspect_pipeline(deployment.named("fmnist-train"), details=True)
    assert info.details.transform.image == IMAGE
    assert list(info.details.transform.cmd) == ["python3", "-m", "fmnist.jobs.start_search"]
    assert json.loads(json.dumps(dict(info.details.metadata.labels))) == {"project": "fmnist"}
