"""Applying specs to the tests' own pachd; what that answers, a real one was seen to answer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped, unused-ignore]
import pytest
from click.testing import CliRunner

from fmnist.cli.pipelines import pipelines
from fmnist.clients.pachyderm.connection import Connection, Deadlines
from fmnist.errors import ConfigError, FmnistError, NotFoundError, TimedOut, UnavailableError
from fmnist.retraining.pachyderm.apply import Applied, carry_out, plan
from fmnist.retraining.pachyderm.files import read_specs, render
from fmnist.retraining.pachyderm.server import Change, PachydermPipelines
from fmnist.settings import PROJECT
from fmnist.settings import pachd_address as address
from tests.support.pachd.server import PachdServer, serving
from tests.support.pachd.state import Refusal
from tests.unit.retraining.pachyderm.specs import IMAGE, changed, write

DETERMINED = {"DET_MASTER", "DET_USER", "DET_PASS"}


@pytest.fixture
def pachd() -> Iterator[PachdServer]:
    """With data, and with the secrets that our specs name."""
    with serving() as server:
        server.state.create_repo("fmnist-train-raw", "", update=False)
        server.state.finish_commit(server.state.start_commit("fmnist-train-raw", "master"))
        server.pps.secrets = {
            "fmnist-pachyderm": {"PACH_PYTHON_AUTH_TOKEN"},
            "fmnist-determined": set(DETERMINED),
        }
        yield server


def connected(pachd: PachdServer, deadlines: Deadlines | None = None) -> PachydermPipelines:
    return PachydermPipelines(Connection(address.server(pachd.address), deadlines))


def apply(pachd: PachdServer, *paths: Path, image: str = IMAGE) -> list[Applied]:
    server = connected(pachd)
    specs = render(read_specs(paths or [PROJECT / "pipelines"]), image)
    return carry_out(server, plan(server, specs), lambda _: None, seconds=5)


def versions(pachd: PachdServer) -> dict[str, int]:
    return {name: len(versions) for name, versions in pachd.pps.pipelines.items()}


def test_our_pipelines_are_created_with_the_image(pachd: PachdServer) -> None:
    done = apply(pachd)
    assert {(one.action, one.version, one.state) for one in done} == {("create", 1, "RUNNING")}
    assert versions(pachd) == {"fmnist-validate": 1, "fmnist-train": 1, "fmnist-nightly": 1}
    assert {kept[-1].transform.image for kept in pachd.pps.pipelines.values()} == {IMAGE}
    assert pachd.pps.pipelines["fmnist-train"][-1].datum_tries == 1


def test_applied_again_they_stay_as_they_are(pachd: PachdServer) -> None:
    apply(pachd)
    jobs = len(pachd.pps.jobs)
    assert [one.action for one in apply(pachd)] == ["unchanged"] * 3
    assert set(versions(pachd).values()) == {1}
    assert len(pachd.pps.jobs) == jobs


def test_only_what_changed_gets_a_version(pachd: PachdServer, tmp_path: Path) -> None:
    first = write(tmp_path, changed(pipeline__name="first"), "1.json")
    second = write(tmp_path, changed(pipeline__name="second"), "2.json")
    apply(pachd, first, second)
    write(tmp_path, changed(pipeline__name="second", datum_tries=2), "2.json")
    done = apply(pachd, first, second)
    assert [(one.action, one.version) for one in done] == [("unchanged", 1), ("update", 2)]
    assert [one.action for one in apply(pachd, first, second)] == ["unchanged", "unchanged"]


def test_another_image_makes_a_version_of_each(pachd: PachdServer) -> None:
    apply(pachd)
    apply(pachd, image="fmnist-train:1.5.0")
    assert set(versions(pachd).values()) == {2}


def test_what_somebody_edited_by_hand_is_put_right(pachd: PachdServer, tmp_path: Path) -> None:
    path = write(tmp_path, changed())
    apply(pachd, path)
    edited = type(pachd.pps.pipelines["garments"][0])()
    edited.CopyFrom(pachd.pps.pipelines["garments"][0])
    edited.transform.image = "other:1"
    pachd.pps.pipelines["garments"].append(edited)
    assert [(one.action, one.version) for one in apply(pachd, path)] == [("update", 3)]
    assert pachd.pps.pipelines["garments"][-1].transform.image == IMAGE


def test_own_labels_and_annotations_are_kept(pachd: PachdServer, tmp_path: Path) -> None:
    path = write(tmp_path, changed(metadata={"annotations": {"team": "vision"}, "labels": {"a": "b"}}))
    apply(pachd, path)
    metadata = pachd.pps.pipelines["garments"][0].metadata
    assert metadata.annotations["team"] == "vision"
    assert dict(metadata.labels) == {"a": "b"}


def test_missing_secrets_are_told_all_at_once_and_nothing_is_applied(pachd: PachdServer) -> None:
    pachd.pps.secrets.clear()
    with pytest.raises(ConfigError) as caught:
        apply(pachd)
    assert "nothing was applied" in str(caught.value)
    assert (
        "kubectl create secret generic fmnist-determined --from-literal=DET_MASTER=... "
        "--from-literal=DET_PASS=... --from-literal=DET_USER=..."
    ) in str(caught.value)
    assert "kubectl create secret generic fmnist-pachyderm" in str(caught.value)
    assert versions(pachd) == {}


def test_a_secret_that_lacks_a_key_is_refused_with_the_file(pachd: PachdServer) -> None:
    pachd.pps.secrets["fmnist-determined"].remove("DET_PASS")
    with pytest.raises(
        ConfigError, match=r"pipelines/fmnist-\w+\.yaml: .*fmnist-determined missing key DET_PASS"
    ):
        apply(pachd)
    pachd.pps.secrets["fmnist-determined"].add("DET_PASS")
    apply(pachd)
    assert set(versions(pachd).values()) == {1}


def test_a_missing_repo_is_told_before_anything_is_applied(pachd: PachdServer) -> None:
    del pachd.state.repos["fmnist-train-raw"]
    with pytest.raises(NotFoundError, match=r"fmnist-validate\.yaml: input raw: .*fmnist data fetch"):
        apply(pachd)
    assert versions(pachd) == {}


def test_a_missing_branch_is_not_made(pachd: PachdServer, tmp_path: Path) -> None:
    path = write(tmp_path, changed(input__pfs__branch="mastr"))
    with pytest.raises(NotFoundError, match="fmnist-train-raw has no branch mastr, it has master"):
        apply(pachd, path)
    assert versions(pachd) == {}
    assert list(pachd.state.repos["fmnist-train-raw"].branches) == ["master"]


def test_a_spec_without_image_is_not_applied(pachd: PachdServer) -> None:
    with pytest.raises(ConfigError, match=r"transform\.image: is still"):
        plan(connected(pachd), read_specs([PROJECT / "pipelines"]))


def test_a_pipeline_that_fails_afterwards_is_told_with_its_reason(pachd: PachdServer, tmp_path: Path) -> None:
    pachd.pps.states["garments"] = ("FAILURE", "could not apply the pod patch")
    with pytest.raises(UnavailableError, match="garments: FAILURE: could not apply the pod patch"):
        apply(pachd, write(tmp_path, changed()))


def test_a_pipeline_that_never_starts_is_not_waited_for_without_end(
    pachd: PachdServer, tmp_path: Path
) -> None:
    pachd.pps.states["garments"] = ("CRASHING", "ImagePullBackOff")
    server = connected(pachd)
    steps = plan(server, render(read_specs([write(tmp_path, changed())]), IMAGE))
    with pytest.raises(TimedOut, match="garments: is still CRASHING: ImagePullBackOff"):
        carry_out(server, steps, lambda _: None, seconds=0.01)
    (applied,) = carry_out(server, plan(server, [steps[0].file]), lambda _: None, seconds=0)
    assert (applied.action, applied.state) == ("unchanged", None)


def test_a_field_that_only_this_client_does_not_know_is_told(pachd: PachdServer) -> None:
    with pytest.raises(ConfigError, match="is not a pipeline spec for Pachyderm"):
        connected(pachd).put([Change("a.json", {"pipeline": {"name": "a"}, "unheard_of": 1}, update=False)])
    assert pachd.pps.pending == {}


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (Refusal(grpc.StatusCode.UNAUTHENTICATED, "no authentication token (try logging in)"), ConfigError),
        (Refusal(grpc.StatusCode.PERMISSION_DENIED, "robot:fmnist-ci is not authorized"), ConfigError),
        (Refusal(grpc.StatusCode.INVALID_ARGUMENT, "could not make effective spec"), ConfigError),
        (Refusal(grpc.StatusCode.UNAVAILABLE, "shutting down"), UnavailableError),
    ],
)
def test_what_the_server_refuses_is_told_with_the_file(
    pachd: PachdServer, tmp_path: Path, refusal: Refusal, kind: type[FmnistError]
) -> None:
    pachd.faults.refusals["CreatePipeline"] = [refusal]
    path = write(tmp_path, changed())
    with pytest.raises(kind, match=f"{path}: .*{refusal.details.partition('(')[0]}"):
        apply(pachd, path)
    assert versions(pachd) == {}


def _conflict() -> Refusal:
    return Refusal(
        grpc.StatusCode.UNKNOWN,
        "error running request 2 of 3: current transaction is aborted (SQLSTATE 25P02)",
    )


@pytest.mark.parametrize("method", ["CreatePipeline", "FinishTransaction"])
def test_who_met_another_in_the_database_tries_again(pachd: PachdServer, tmp_path: Path, method: str) -> None:
    pachd.faults.refusals[method] = [_conflict(), _conflict()]
    apply(pachd, write(tmp_path, changed()))
    assert versions(pachd) == {"garments": 1}


def test_nobody_tries_for_ever(pachd: PachdServer, tmp_path: Path) -> None:
    pachd.faults.refusals["CreatePipeline"] = [_conflict() for _ in range(9)]
    with pytest.raises(UnavailableError, match="SQLSTATE 25P02"):
        apply(pachd, write(tmp_path, changed()))
    assert versions(pachd) == {}


def test_a_server_that_hangs_is_given_up(pachd: PachdServer, tmp_path: Path) -> None:
    server = connected(pachd, Deadlines(call=0.5))
    specs = render(read_specs([write(tmp_path, changed())]), IMAGE)
    pachd.faults.hanging.set()
    with pytest.raises(TimedOut):
        plan(server, specs)


def test_all_changes_are_made_or_none(pachd: PachdServer, tmp_path: Path) -> None:
    paths = [write(tmp_path, changed(pipeline__name=name), f"{name}.json") for name in ("one", "two")]
    server = connected(pachd)
    steps = plan(server, read_specs(paths))
    pachd.faults.refusals["FinishTransaction"] = [Refusal(grpc.StatusCode.UNAVAILABLE, "shutting down")]
    with pytest.raises(UnavailableError, match="shutting down"):
        carry_out(server, steps, lambda _: None, seconds=0)
    assert versions(pachd) == {}
    apply(pachd, *paths)
    assert versions(pachd) == {"one": 1, "two": 1}


@pytest.fixture
def command(pachd: PachdServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("PACHD_ADDRESS", pachd.address)
    monkeypatch.delenv("PACH_PYTHON_AUTH_TOKEN", raising=False)
    return lambda *arguments: CliRunner().invoke(pipelines, arguments, catch_exceptions=False)


def test_apply_as_it_is_typed(pachd: PachdServer, command: Any) -> None:
    tried = command("apply", "--image", IMAGE, "--dry-run", "--json")
    assert {one["action"] for one in json.loads(tried.stdout)} == {"create"}
    assert versions(pachd) == {}
    assert {one["state"] for one in json.loads(command("apply", "--image", IMAGE, "--json").stdout)} == {
        "RUNNING"
    }
    again = command("apply", "--image", IMAGE)
    assert again.exit_code == 0
    assert again.stdout.count("unchanged") == 3
    assert set(versions(pachd).values()) == {1}


def test_render_as_it_is_typed(command: Any, tmp_path: Path) -> None:
    printed = command("render", "--image", IMAGE)
    assert printed.stdout.count(f"image: {IMAGE}") == 3
    assert printed.stdout.count("\n---\n") == 2
    assert command("render", "--image", IMAGE, "--to", str(tmp_path)).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "fmnist-nightly.yaml",
        "fmnist-train.yaml",
        "fmnist-validate.yaml",
    ]
    assert [spec.request.transform.image for spec in read_specs([tmp_path])] == [IMAGE] * 3
    assert len(json.loads(command("render", "--image", IMAGE, "--json").stdout)) == 3
    assert command("render").exit_code == 2


def test_validate_as_it_is_typed(command: Any, tmp_path: Path) -> None:
    assert command("validate").stdout.count("is in order") == 3
    assert len(json.loads(command("validate", "--json").stdout)) == 3
    with pytest.raises(ConfigError, match=r"garments\.json: datum_tries: "):
        command("validate", str(write(tmp_path, changed(datum_tries=0))))
