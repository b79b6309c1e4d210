import pytest

from fmnist.errors import ConfigError
from fmnist.gate.gitlab import check_variables, is_merge_request


@pytest.mark.parametrize("source", ["web", "schedule"])
def test_a_user_may_override(source: str) -> None:
    check_variables({"CI_PIPELINE_SOURCE": source, "GATE_OVERRIDE": "the new shirts"})


@pytest.mark.parametrize("source", ["trigger", "pipeline", "api", "push", "merge_request_event", "chat"])
def test_nobody_else_may(source: str) -> None:
    check_variables({"CI_PIPELINE_SOURCE": source, "GATE_OVERRIDE": ""})
    with pytest.raises(ConfigError, match=f"started by {source}; only a user"):
        check_variables({"CI_PIPELINE_SOURCE": source, "GATE_OVERRIDE": "the new shirts"})


@pytest.mark.parametrize("source", ["web", "trigger"])
def test_a_pipeline_judges_by_its_commits_policy(source: str) -> None:
    with pytest.raises(ConfigError, match=r"gate\.yaml of its commit"):
        check_variables({"CI_PIPELINE_SOURCE": source, "GATE_POLICY": "/tmp/lax.yaml"})


def test_outside_of_pipelines_all_is_free() -> None:
    check_variables({"GATE_POLICY": "strict.yaml", "GATE_OVERRIDE": "a try"})
    assert not is_merge_request({})
    assert not is_merge_request({"CI_PIPELINE_SOURCE": "push"})
    assert is_merge_request({"CI_PIPELINE_SOURCE": "merge_request_event"})
