"""TensorBoard's event files, written without TensorFlow."""

import os
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fmnist.files.atomic import disk_errors

_PNG_SIZE = slice(16, 24)
_RGBA = 4


class EventFile:
    """Scalars and pictures of one run in ``folder``, readable while it is written.

    A resumed run gets another file in the folder; ``purged_from`` lets readers discard what earlier files,
    whose writer was killed, hold from that step on.
    """

    def __init__(self, folder: Path, purged_from: int | None = None) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        name = f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"
        self._path = folder / name
        with disk_errors(self._path):
            folder.mkdir(parents=True, exist_ok=True)
            self._records = RecordWriter(self._path.open("wb"))
        self._write(file_version="brain.Event:2")
        if purged_from is not None:
            from tensorboard.compat.proto.event_pb2 import SessionLog

            self._write(step=purged_from, session_log=SessionLog(status=SessionLog.START))

    def add(self, step: int, scalars: Mapping[str, float], pictures: Mapping[str, bytes]) -> None:
        """Add scalars and PNG pictures by tag, all at ``step``."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        for tag, png in pictures.items():
            width, height = struct.unpack(">II", png[_PNG_SIZE])
            image = Summary.Image(width=width, height=height, colorspace=_RGBA, encoded_image_string=png)
            values.append(Summary.Value(tag=tag, image=image))
        self._write(step=step, summary=Summary(value=values))

    def close(self) -> None:
        self._records.close()

    def _write(self, **fields: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        with disk_errors(self._path):
            self._records.write(Event(wall_time=time.time(), **fields).SerializeToString())
            self._records.flush()
