import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fmnist.errors import ConfigError, IntegrityError, UnavailableError
from fmnist.training.resume import (
    Arrays,
    StateFolder,
    TrainingState,
    _decoded,
    _encoded,
    recorded_threads,
    unfinished,
)
from tests.support.files import files_no_larger_than
from tests.support.runs import epoch_report

JOB = {"seed": "1", "data_commit": "repo@1"}
ARRAYS = st.lists(
    arrays.arrays(
        st.sampled_from(["float32", "float64", "int64", "uint32"]), arrays.array_shapes(min_dims=0)
    ),
    max_size=3,
).map(tuple)


def state(epoch: int) -> TrainingState:
    weights = (np.full((2, 3), epoch, np.float32),)
    return TrainingState(
        weights, (np.array(epoch),), tuple(epoch_report(n, 0.1 * n) for n in range(1, epoch + 1))
    )


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def refuses_to_speak(text: str) -> None:
    raise AssertionError(text)


@given(weights=ARRAYS, optimizer=ARRAYS)
def test_a_state_is_read_as_it_was_written(weights: Arrays, optimizer: Arrays) -> None:
    reports = (epoch_report(1, 1 / 3),)
    read = _decoded(_encoded(TrainingState(weights, optimizer, reports)))
    assert read.reports == reports
    for before, after in ((weights, read.weights), (optimizer, read.optimizer)):
        assert [(value.dtype, value.shape, value.tobytes()) for value in before] == [
            (value.dtype, value.shape, value.tobytes()) for value in after
        ]


@given(position=st.integers(0, len(_encoded(state(2))) - 1), bit=st.integers(0, 7))
def test_any_flipped_bit_and_any_missing_end_is_noticed(position: int, bit: int) -> None:
    content = bytearray(_encoded(state(2)))
    with pytest.raises(IntegrityError, match="damaged"):
        _decoded(bytes(content[:position]))
    content[position] ^= 1 << bit
    with pytest.raises(IntegrityError, match="damaged"):
        _decoded(bytes(content))


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state", JOB)
    assert folder.newest(refuses_to_speak) is None
    for epoch in (1, 2, 3):
        folder.save(state(epoch))
    assert kept(folder.folder) == ["epoch-000002.state", "epoch-000003.state", "job.json"]
    again = StateFolder(tmp_path / "state", JOB)
    assert again.id == folder.id
    newest = again.newest(refuses_to_speak)
    assert newest is not None
    assert newest.epoch == 3
    assert newest.weights[0].tobytes() == state(3).weights[0].tobytes()


def test_the_one_before_is_taken_for_a_damaged_one_and_that_is_said(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state", JOB)
    for epoch in (1, 2):
        folder.save(state(epoch))
    said: list[str] = []
    flip(folder.folder / "epoch-000002.state", 500)
    newest = folder.newest(said.append)
    assert newest is not None
    assert newest.epoch == 1
    assert len(said) == 1
    assert "epoch-000002.state: damaged" in said[0]
    (folder.folder / "epoch-000001.state").write_bytes(b"")
    assert folder.newest(said.append) is None
    assert len(said) == 3


def test_a_full_disk_leaves_the_state_before_whole(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state", JOB)
    folder.save(state(1))
    before = kept(folder.folder)
    with (
        files_no_larger_than(1000),
        pytest.raises(UnavailableError, match=r"epoch-000002\.state: cannot be written: File too large"),
    ):
        folder.save(state(2))
    assert kept(folder.folder) == before
    newest = folder.newest(refuses_to_speak)
    assert newest is not None
    assert newest.epoch == 1
    folder.save(state(2))


def test_the_states_of_another_training_are_refused(tmp_path: Path) -> None:
    StateFolder(tmp_path / "state", JOB).save(state(1))
    with pytest.raises(ConfigError, match=r"has another data commit and another colour: .*remove the folder"):
        StateFolder(tmp_path / "state", {**JOB, "data_commit": "repo@2", "colour": "red"})
    (tmp_path / "state" / "job.json").write_text("{}")
    with pytest.raises(IntegrityError, match=r"job\.json: not a .* or remove .*state to start over"):
        StateFolder(tmp_path / "state", JOB)


def test_the_states_of_an_older_version_are_refused_but_their_threads_are_read(tmp_path: Path) -> None:
    """Version 1 named its fields as messages do."""
    old = {"schema_version": 1, "id": "0" * 32, "job": {"seed": "1", "number of threads": "3"}}
    (tmp_path / "job.json").write_text(json.dumps(old))
    assert recorded_threads(tmp_path) == 3
    with pytest.raises(
        IntegrityError, match=r"schema_version is 1, .* reads 2; .* or remove .* to start over"
    ):
        StateFolder(tmp_path, JOB)


def test_an_unfinished_training_is_found_again_until_it_is_finished(tmp_path: Path) -> None:
    with unfinished(tmp_path, JOB) as first:
        first.save(state(1))
    with unfinished(tmp_path, JOB) as again:
        assert again.id == first.id
        assert not again.empty
    with unfinished(tmp_path, {**JOB, "seed": "2"}) as other:
        assert other.id != first.id
    assert not other.folder.exists()
    with unfinished(tmp_path, JOB, fresh=True) as fresh:
        assert fresh.id != first.id
        assert fresh.empty
        fresh.save(state(1))
        fresh.remove()
    assert not fresh.folder.exists()


def test_two_processes_are_not_at_one_training(tmp_path: Path) -> None:
    with (
        unfinished(tmp_path, JOB),
        pytest.raises(UnavailableError, match=f"process {os.getpid()} runs this training"),
        unfinished(tmp_path, JOB),
    ):
        pass


def test_what_nobody_took_up_for_a_month_is_forgotten(tmp_path: Path) -> None:
    with unfinished(tmp_path, JOB) as old, unfinished(tmp_path, {**JOB, "seed": "2"}) as young:
        old.save(state(1))
        young.save(state(1))
    for path in old.folder.iterdir():
        os.utime(path, (0, time.time() - 31 * 24 * 3600))
    with unfinished(tmp_path, {**JOB, "seed": "3"}):
        pass
    assert not old.folder.exists()
    assert young.folder.exists()
