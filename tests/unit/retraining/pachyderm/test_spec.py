"""Each mistake that a real pachd was seen to refuse or to accept, and those that its client refuses."""

from pathlib import Path
from typing import Any

import pytest

from fmnist.errors import ConfigError
from fmnist.retraining.pachyderm.files import read_specs
from tests.unit.retraining.pachyderm.specs import DROP, changed, write

_PFS = {"name": "raw", "repo": "fmnist-train-raw", "branch": "master", "glob": "/"}

ACCEPTED_THOUGH_WRONG = [
    ("no image", {"transform__image": DROP}, "transform.image"),
    ("image without tag", {"transform__image": "fmnist-train"}, "transform.image"),
    ("image by latest", {"transform__image": "r.example.com:5000/fmnist-train:latest"}, "transform.image"),
    ("image that is none", {"transform__image": "Fmnist Train:1"}, "transform.image"),
    ("no command", {"transform__cmd": DROP}, "transform.cmd"),
    ("empty command", {"transform__cmd": []}, "transform.cmd"),
    ("blank command", {"transform__cmd": [" "]}, "transform.cmd"),
    ("no input", {"input": DROP}, "input"),
    ("glob that does not close", {"input__pfs__glob": "/["}, "input.pfs.glob"),
    ("glob that does not open", {"input__pfs__glob": "/a}"}, "input.pfs.glob"),
    ("memory in words", {"resource_requests": {"memory": "lots"}}, "resource_requests.memory"),
    ("disk in words", {"sidecar_resource_limits": {"disk": "1 GB"}}, "sidecar_resource_limits.disk"),
    (
        "cpu over the limit",
        {"resource_requests": {"cpu": 2}, "resource_limits": {"cpu": 1}},
        "resource_limits",
    ),
    (
        "memory over the limit",
        {"resource_requests": {"memory": "1Gi"}, "resource_limits": {"memory": "1G"}},
        "resource_limits",
    ),
    (
        "sidecar over the limit",
        {"sidecar_resource_requests": {"cpu": 1}, "sidecar_resource_limits": {"cpu": 0.5}},
        "sidecar_resource_limits",
    ),
    ("egress to nowhere", {"egress": {"URL": "hello"}}, "egress.URL"),
    ("egress by ftp", {"egress": {"object_storage": {"url": "ftp://host/a"}}}, "egress.object_storage.url"),
    ("no tries", {"datum_tries": 0}, "datum_tries"),
    ("fewer tries than none", {"datum_tries": -1}, "datum_tries"),
    ("no worker", {"parallelism_spec": {"constant": 0}}, "parallelism_spec.constant"),
    ("unused secret", {"transform__secrets": [{"name": "s"}]}, "transform.secrets.0"),
    ("no branch", {"input__pfs__branch": DROP}, "input.pfs.branch"),
    ("dash in input's name", {"input__pfs__name": "raw-data"}, "input.pfs.name"),
    ("input without name", {"input__pfs__name": DROP}, "input.pfs.name"),
    ("upper case", {"pipeline__name": "Garments"}, "pipeline.name"),
    ("overwritten label", {"metadata": {"labels": {"app": "fmnist"}}}, "metadata.labels"),
    ("patch that is none", {"pod_patch": '{"spec": {}}'}, "pod_patch"),
    ("step that is none", {"pod_patch": '[{"op": "put", "path": "/spec"}]'}, "pod_patch"),
    ("secret in the open", {"transform__env": {"DET_PASS": "x"}}, "transform.env"),
    (
        "variable twice",
        {
            "transform__env": {"A": "1"},
            "transform__secrets": [{"name": "s", "key": "a", "env_var": "A"}],
        },
        "transform",
    ),
    ("test images as input", {"input__pfs__repo": "fmnist-test-raw"}, "input"),
    ("no such program", {"transform__cmd": ["python3", "-m", "fmnist.pipelines.valdate"]}, "transform.cmd"),
]

REFUSED_BY_PACHD = [
    ("no glob", {"input__pfs__glob": DROP}, "input.pfs.glob"),
    ("input called out", {"input__pfs__name": "out"}, "input.pfs.name"),
    ("clock without name", {"input": {"cron": {"spec": "@daily"}}}, "input.cron.name"),
    (
        "name twice",
        {"input": {"cross": [{"pfs": _PFS}, {"cron": {"name": "raw", "spec": "@daily"}}]}},
        "input.cross",
    ),
    ("input by commit", {"input__pfs__commit": "0" * 32}, "input.pfs.commit"),
    ("two inputs", {"input__cron": {"name": "tick", "spec": "@daily"}}, "input"),
    ("s3 in parts", {"input__pfs__glob": "/*", "input__pfs__s3": True}, "input.pfs.s3"),
    ("s3 and lazy", {"input__pfs__lazy": True, "input__pfs__s3": True}, "input.pfs.s3"),
    ("trigger without branch", {"input__pfs__trigger": {"commits": 2}}, "input.pfs.trigger.branch"),
    ("join without key", {"input": {"join": [{"pfs": _PFS}]}}, "input.join"),
    ("group without key", {"input": {"group": [{"pfs": _PFS}]}}, "input.group"),
    ("reprocess spec", {"reprocess_spec": "always"}, "reprocess_spec"),
    ("patch that is no JSON", {"pod_patch": "{"}, "pod_patch"),
    ("pod spec that is no JSON", {"pod_spec": "{"}, "pod_spec"),
    ("kind of service", {"service": {"internal_port": 80, "type": "Foo"}}, "service.type"),
    ("schedule in words", {"input": {"cron": {"name": "t", "spec": "every hour"}}}, "input.cron.spec"),
    ("schedule of six", {"input": {"cron": {"name": "t", "spec": "0 0 3 * * *"}}}, "input.cron.spec"),
    (
        "database without secret",
        {"egress": {"sql_database": {"url": "postgres://db", "file_format": {"type": "CSV"}}}},
        "egress.sql_database.secret",
    ),
    ("spout with input", {"spout": {}}, "input"),
    ("spout that scales", {"spout": {}, "input": DROP, "autoscaling": True}, "autoscaling"),
    ("s3 from a spout", {"spout": {}, "input": DROP, "s3_out": True}, "s3_out"),
    ("workspaces", {"determined": {"workspaces": ["a"]}}, "determined"),
    ("52 characters", {"pipeline__name": "a" * 52}, "pipeline.name"),
    ("begins with a dash", {"pipeline__name": "-abc"}, "pipeline.name"),
    ("dot in name", {"pipeline__name": "fm.train"}, "pipeline.name"),
    ("space in name", {"pipeline__name": "a b"}, "pipeline.name"),
    ("no name", {"pipeline__name": ""}, "pipeline.name"),
    (
        "secret without key",
        {"transform__secrets": [{"name": "s", "env_var": "A"}]},
        "transform.secrets.0",
    ),
]

REFUSED_BY_ITS_CLIENT = [
    ("unknown field", {"datum_tryes": 1}, "datum_tryes"),
    ("unknown field inside", {"transform__comand": ["a"]}, "transform.comand"),
    ("minutes", {"datum_timeout": "10m"}, "datum_timeout"),
    ("no time", {"job_timeout": "0s"}, "job_timeout"),
    ("command as text", {"transform__cmd": "python3 train.py"}, "transform.cmd"),
    ("number in env", {"transform__env": {"A": 1}}, "transform.env.A"),
    ("yes in env", {"transform__env": {"A": True}}, "transform.env.A"),
    ("cpu as text", {"resource_requests": {"cpu": "500m"}}, "resource_requests.cpu"),
    ("memory as number", {"resource_requests": {"memory": 512}}, "resource_requests.memory"),
    ("egress.url", {"egress": {"url": "s3://bucket/a"}}, "egress.url"),
    ("pipeline as text", {"pipeline": "garments"}, "pipeline"),
    ("yes as text", {"autoscaling": "yes"}, "autoscaling"),
]

ALL = ACCEPTED_THOUGH_WRONG + REFUSED_BY_PACHD + REFUSED_BY_ITS_CLIENT


@pytest.mark.parametrize(("values", "field"), [case[1:] for case in ALL], ids=[case[0] for case in ALL])
def test_a_mistake_is_told_with_file_and_field(tmp_path: Path, values: dict[str, Any], field: str) -> None:
    path = write(tmp_path, changed(**values))
    with pytest.raises(ConfigError) as caught:
        read_specs([path])
    assert any(line.startswith(f"{path}: {field}: ") for line in str(caught.value).splitlines()), caught.value


def test_a_list_of_pipelines_is_told_apart(tmp_path: Path) -> None:
    path = write(tmp_path, [changed(), changed(pipeline__name="others")])
    with pytest.raises(ConfigError, match="expected one pipeline, got a list of 2"):
        read_specs([path])


@pytest.mark.parametrize("content", ["", "{", "- a\n", "text"])
def test_what_is_no_spec_at_all_is_told_with_its_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"odd\.yaml: "):
        read_specs([path])


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"datumTries": 1, "resourceRequests": {"cpu": 0.5, "memory": "512Mi"}},
        {"datum_tries": "1", "salt": None, "input__pfs__lazy": None},
        {"input": {"cron": {"name": "tick", "spec": "@every 1h30m"}}},
        {"input": {"cron": {"name": "tick", "spec": "0,30 3-5/2 * jan-mar mon-FRI", "overwrite": True}}},
        {"input": {"cross": [{"cron": {"name": "tick", "spec": "@daily"}}, {"pfs": _PFS}]}},
        {"input": {"union": [{"pfs": _PFS}, {"pfs": {**_PFS, "branch": "old"}}]}},
        {"input": {"join": [{"pfs": {**_PFS, "glob": "/(*)", "joinOn": "$1"}}]}},
        {"spout": {}, "input": DROP},
        {"input__pfs__s3": True, "s3_out": True},
        {"input__pfs__empty_files": True, "input__pfs__glob": "/{a,b}/[0-9]*"},
        {"egress": {"URL": "s3://bucket/dir"}},
        {"service": {"internal_port": 8080, "type": "NodePort", "external_port": 31000}},
        {"pod_patch": '[{"op": "add", "path": "/spec/priority", "value": 1}]'},
        {"scheduling_spec": {"node_selector": {"disk": "ssd"}}, "transform__accept_return_code": [0, 3]},
        {"transform__image": f"fmnist-train@sha256:{'0a' * 32}"},
        {"transform__image": "localhost:5000/a/fmnist-train:v1.4_rc.1"},
        {"transform__image": "${FMNIST_IMAGE}"},
        {"transform__secrets": [{"name": "det", "mount_path": "/secrets/det"}]},
        {"resource_limits": {"gpu": {"type": "nvidia.com/gpu", "number": 1}}},
        {"datum_set_spec": {"number": 4}, "transform__image_pull_secrets": ["registry"]},
        {"tolerations": [{"key": "gpu", "operator": "EXISTS", "effect": "NO_SCHEDULE"}]},
    ],
)
def test_what_a_server_runs_well_is_in_order(tmp_path: Path, values: dict[str, Any]) -> None:
    (found,) = read_specs([write(tmp_path, changed(**values))])
    assert found.name == "garments"


def test_a_field_in_both_spellings_is_a_mistake(tmp_path: Path) -> None:
    path = write(tmp_path, changed(datumTries=1, datum_tries=2))
    with pytest.raises(ConfigError, match="datum_tries: is given in snake and in camel case"):
        read_specs([path])


@pytest.mark.parametrize(
    "spec",
    ["", "@often", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * fry", "5-1 * * * *"],
)
def test_a_schedule_that_never_comes_is_a_mistake(tmp_path: Path, spec: str) -> None:
    path = write(tmp_path, changed(input={"cron": {"name": "tick", "spec": spec}}))
    with pytest.raises(ConfigError, match=r"input\.cron\.spec: "):
        read_specs([path])
