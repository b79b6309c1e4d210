"""python-pachyderm's old generated code under protobuf's C runtime."""

from google.protobuf.internal import api_implementation  # type: ignore[import-untyped, unused-ignore]

from fmnist.clients.pachyderm.messages import pfs_proto, pps_proto, python_pachyderm


def test_protobuf_runs_in_c() -> None:
    assert api_implementation.Type() == "upb"


def test_messages_go_over_the_wire_and_come_back() -> None:
    commit = pfs_proto.Commit(id="c0ffee", branch=pfs_proto.Branch(name="master"))
    assert pfs_proto.Commit.FromString(commit.SerializeToString()) == commit
    assert pfs_proto.CommitState.Name(pfs_proto.FINISHED) == "FINISHED"


def test_messages_of_other_files_are_the_same_classes() -> None:
    request = pps_proto.CreatePipelineRequest(spec_commit=pfs_proto.Commit(id="c0ffee"))
    assert isinstance(request.spec_commit, pfs_proto.Commit)
    spec = {"pipeline": {"name": "validate"}, "transform": {"cmd": ["true"]}}
    assert python_pachyderm.parse_dict_pipeline_spec(spec).transform.cmd == ["true"]
