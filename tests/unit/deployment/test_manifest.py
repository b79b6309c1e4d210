import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from fmnist.core.fashion_mnist import MODEL_NAME
from fmnist.deployment.manifest import load_manifest
from fmnist.errors import ConfigError
from fmnist.settings import PROJECT

COMMITTED = PROJECT / "deploy" / "deploy.yaml"


@pytest.fixture
def document() -> Any:
    return yaml.safe_load(COMMITTED.read_text())


def _written(folder: Path, document: Any) -> Path:
    path = folder / "deploy.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def test_the_committed_manifest_is_the_address_that_users_know() -> None:
    manifest = load_manifest(COMMITTED)
    assert manifest.metadata.name == MODEL_NAME
    assert manifest.path == "/seldon/default/fashion-classifier"
    assert manifest.timeout_seconds == 10
    assert manifest.predictor.grace_seconds == 20


def test_the_pod_is_careful(document: Any) -> None:
    pod = document["spec"]["predictors"][0]["componentSpecs"][0]["spec"]
    container = pod["containers"][0]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert {"requests", "limits"} == set(container["resources"])
    assert container["readinessProbe"]["httpGet"] == {"path": "/health/status", "port": 9000}
    assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]


def test_a_connection_is_kept_longer_than_the_gateway_keeps_it() -> None:
    assert int(load_manifest(COMMITTED).environment({})["GUNICORN_KEEPALIVE"]) > 60


def test_the_environment_is_the_manifests_with_parameters_replaced() -> None:
    found = load_manifest(COMMITTED).environment({"bundle": "/somewhere", "version": "7"})
    assert found["GUNICORN_THREADS"] == "4"
    assert found["SELDON_DEPLOYMENT_ID"] == "fashion-classifier"
    assert json.loads(found["PREDICTIVE_UNIT_PARAMETERS"]) == [
        {"name": "bundle", "type": "STRING", "value": "/somewhere"},
        {"name": "version", "type": "STRING", "value": "7"},
    ]


def test_an_unknown_parameter_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no parameter bundel"):
        load_manifest(COMMITTED).environment({"bundel": "/somewhere"})


def _predictor(document: Any) -> Any:
    return document["spec"]["predictors"][0]


def _rename_graph(document: Any) -> None:
    _predictor(document)["graph"]["name"] = "other"


def _misspell(document: Any) -> None:
    _predictor(document)["replica"] = 2


def _wrong_type(document: Any) -> None:
    _predictor(document)["graph"]["type"] = "MODELL"


def _wrong_parameter_type(document: Any) -> None:
    _predictor(document)["graph"]["parameters"][1]["type"] = "str"


def _number_as_value(document: Any) -> None:
    _predictor(document)["graph"]["parameters"][1]["value"] = 3


def _upper_case(document: Any) -> None:
    document["metadata"]["name"] = "Fashion"


def _traffic(document: Any) -> None:
    _predictor(document)["traffic"] = 80


def _twice(document: Any) -> None:
    document["spec"]["predictors"] *= 2


def _timeout(document: Any) -> None:
    document["spec"]["annotations"]["seldon.io/rest-timeout"] = "5s"


def _secret(document: Any) -> None:
    container = _predictor(document)["componentSpecs"][0]["spec"]["containers"][0]
    container["env"].append({"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}})


def _no_predictors(document: Any) -> None:
    document["spec"]["predictors"] = []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_rename_graph, "graph.name is other, but the containers are classifier"),
        (_misspell, r"spec\.predictors\.0\.replica"),
        (_wrong_type, r"spec\.predictors\.0\.graph\.type"),
        (_wrong_parameter_type, r"graph\.parameters\.1\.type"),
        (_number_as_value, r"graph\.parameters\.1\.value"),
        (_upper_case, r"metadata\.name"),
        (_traffic, "traffic must sum to 100, it is 80"),
        (_twice, "names must differ"),
        (_timeout, "rest-timeout: expected milliseconds"),
        (_secret, r"containers\.0\.env\.\d+\.value"),
        (_no_predictors, r"spec\.predictors"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(
    document: Any, change: Callable[[Any], None], says: str, tmp_path: Path
) -> None:
    change(document)
    with pytest.raises(ConfigError, match=says) as error:
        load_manifest(_written(tmp_path, document))
    assert str(tmp_path / "deploy.yaml") in str(error.value)


def test_what_only_kubernetes_reads_may_be_there(document: Any, tmp_path: Path) -> None:
    component = _predictor(document)["componentSpecs"][0]
    component["spec"]["tolerations"] = [{"key": "gpu"}]
    component["hpaSpec"] = {"maxReplicas": 3}
    assert load_manifest(_written(tmp_path, document)).path == "/seldon/default/fashion-classifier"


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "kind: Deployment"])
def test_what_is_no_manifest_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "deploy.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"deploy\.yaml"):
        load_manifest(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        load_manifest(tmp_path / "nowhere.yaml")
