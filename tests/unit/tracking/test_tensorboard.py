import math
import subprocess
from pathlib import Path

import numpy as np
import pytest

from fmnist.tracking.figures import confusion_matrix
from fmnist.tracking.tensorboard import EventFile


def test_tensorboard_reads_what_was_written(tmp_path: Path) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New

    png = confusion_matrix(np.eye(10, dtype=np.int64), "title")
    events = EventFile(tmp_path / "run")
    events.add(1, {"validation/loss": 0.5}, {"confusion_matrix": png})
    events.add(2, {"validation/loss": 0.25}, {})

    (file,) = (tmp_path / "run").iterdir()
    reader = PyRecordReader_New(str(file))
    read = []
    for _ in range(3):
        reader.GetNext()
        read.append(Event.FromString(reader.record()))
    events.close()

    head, first, second = read
    assert head.file_version == "brain.Event:2"
    assert (first.step, second.step) == (1, 2)
    scalar, picture = first.summary.value
    assert (scalar.tag, picture.tag) == ("validation/loss", "confusion_matrix")
    assert scalar.simple_value == 0.5
    assert picture.image.encoded_image_string == png
    assert (picture.image.width, picture.image.height) == (720, 720)
    assert second.summary.value[0].simple_value == pytest.approx(0.25)
    assert math.isclose(first.wall_time, second.wall_time, abs_tol=60)


def test_the_program_itself_starts(tensorboard: "subprocess.Popen[str]") -> None:
    said, complaints = tensorboard.communicate(timeout=60)
    assert tensorboard.returncode == 0, complaints
    assert said.startswith("2.19")
