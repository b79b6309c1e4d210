from pathlib import Path

import pytest
import yaml

from fmnist.errors import ConfigError
from fmnist.retraining.pachyderm.files import SpecFile, read_specs, render
from fmnist.retraining.pachyderm.rules import IMAGE, leaves
from fmnist.settings import PROJECT
from tests.unit.retraining.pachyderm.specs import changed, write

DIGEST = f"registry.example.com/fmnist-train@sha256:{'0a' * 32}"


def fed_by(name: str, repo: str) -> dict[str, object]:
    return changed(pipeline__name=name, input__pfs__repo=repo)


def test_specs_come_in_an_order_in_which_they_can_be_created(tmp_path: Path) -> None:
    write(tmp_path, fed_by("a-last", "b-middle"), "1.json")
    write(tmp_path, fed_by("b-middle", "c-first"), "2.json")
    write(tmp_path, fed_by("c-first", "fmnist-train-raw"), "3.json")
    assert [spec.name for spec in read_specs([tmp_path])] == ["c-first", "b-middle", "a-last"]


def test_pipelines_that_wait_for_each_other_are_a_mistake(tmp_path: Path) -> None:
    write(tmp_path, fed_by("one", "two"), "1.json")
    write(tmp_path, fed_by("two", "one"), "2.json")
    with pytest.raises(ConfigError, match=r"1\.json: input: one, two wait for each other's output"):
        read_specs([tmp_path])


def test_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, changed(datum_tries=0), "1.json")
    write(tmp_path, changed(transform__image="x:latest", pipeline__name="Odd"), "2.json")
    with pytest.raises(ConfigError) as caught:
        read_specs([tmp_path])
    assert [line.split(": ")[0:2] for line in str(caught.value).splitlines()] == [
        [str(tmp_path / "1.json"), "datum_tries"],
        [str(tmp_path / "2.json"), "pipeline.name"],
        [str(tmp_path / "2.json"), "transform.image"],
    ]


def test_two_pipelines_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    write(tmp_path, changed(), "1.json")
    write(tmp_path, changed(), "2.json")
    with pytest.raises(ConfigError, match=r"2\.json: pipeline\.name: garments is also the name in .*1\.json"):
        read_specs([tmp_path])


def test_a_folder_without_specs_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no pipeline spec"):
        read_specs([tmp_path])


@pytest.mark.parametrize("image", [DIGEST, "fmnist-train:1.4.0", "r:5000/a/b:v1"])
def test_an_image_takes_the_place_that_a_spec_leaves_open(tmp_path: Path, image: str) -> None:
    write(tmp_path, changed(transform__image=IMAGE), "1.json")
    write(tmp_path, changed(pipeline__name="others", transform__image="other:1"), "2.json")
    first, second = render(read_specs([tmp_path]), image)
    assert first.document["transform"]["image"] == first.request.transform.image == image
    assert second.document["transform"]["image"] == "other:1"


@pytest.mark.parametrize(
    "image", ["", "fmnist-train", "fmnist-train:latest", "a b:1", "${FMNIST_IMAGE}", "x@sha256:1"]
)
def test_an_image_that_may_change_is_refused(tmp_path: Path, image: str) -> None:
    specs = read_specs([write(tmp_path, changed(transform__image=IMAGE))])
    with pytest.raises(ConfigError, match="--image "):
        render(specs, image)


def test_the_sum_is_of_what_the_spec_says(tmp_path: Path) -> None:
    document = changed()
    (spec,) = read_specs([write(tmp_path, document)])
    (turned,) = read_specs([write(tmp_path, dict(reversed(document.items())), "turned.yaml")])
    (other,) = read_specs([write(tmp_path, changed(datum_tries=1), "other.json")])
    assert spec.sha256 == turned.sha256 != other.sha256


@pytest.fixture(scope="module")
def ours() -> dict[str, SpecFile]:
    return {spec.name: spec for spec in render(read_specs([PROJECT / "pipelines"]), DIGEST)}


def test_our_specs_are_in_order_and_in_the_order_of_the_chain(ours: dict[str, SpecFile]) -> None:
    assert set(ours) == {"fmnist-validate", "fmnist-train", "fmnist-nightly"}
    assert list(ours).index("fmnist-validate") < list(ours).index("fmnist-train")
    assert all(yaml.safe_load(spec.yaml) == spec.document for spec in ours.values())


def test_nothing_in_our_specs_hides_a_failure_or_tries_twice(ours: dict[str, SpecFile]) -> None:
    for request in (file.request for file in ours.values()):
        assert request.datum_tries == 1
        assert not request.transform.err_cmd
        assert not request.transform.accept_return_code


def test_our_specs_leave_their_programs_time_to_give_up_first(ours: dict[str, SpecFile]) -> None:
    from fmnist.jobs.pipeline_program import SEARCH_SECONDS

    for name in ("fmnist-train", "fmnist-nightly"):
        request = ours[name].request
        assert SEARCH_SECONDS < request.datum_timeout.seconds < request.job_timeout.seconds


def test_only_commits_of_training_images_and_the_clock_start_a_job(ours: dict[str, SpecFile]) -> None:
    starts = {
        name: [leaf.get("repo", leaf["name"]) for _, leaf in leaves(file.document["input"])]
        for name, file in ours.items()
    }
    assert starts == {
        "fmnist-validate": ["fmnist-train-raw"],
        "fmnist-train": ["fmnist-validate"],
        "fmnist-nightly": ["tick"],
    }
