"""Export from Keras to ONNX, verified to give the same probabilities."""

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Images
from fmnist.core.fashion_mnist import CLASSES, IMAGE_SHAPE
from fmnist.errors import IntegrityError
from fmnist.training.network import INPUT, OUTPUT

OPSET = 17
TOLERANCE = 1e-4
"""Largest allowed difference between the probabilities of the two, 0-1."""


def export(model: Any, path: Path, images: Images) -> NDArray[np.float32]:
    """Write a ``keras.Model`` as ONNX, with a variable batch size.

    Args:
        model: a network of this package.
        path: of the file to write.
        images: uint8 [n, 28, 28], on which both are compared.

    Returns:
        ONNX Runtime's probabilities for ``images``, float32 [n, 10].

    Raises:
        IntegrityError: the file's input or output is not as specified, or the probabilities differ.
    """
    # First: Keras exports no model that was never called, such as one resumed after its last epoch.
    expected = model.predict_on_batch(images)
    with _without_chatter():
        model.export(path, format="onnx", verbose=False, opset_version=OPSET)
    _rename(path)
    answers = _answers(path, images)
    difference = float(np.abs(answers - expected).max())
    if not difference <= TOLERANCE:
        raise IntegrityError(
            f"{path.name}: ONNX Runtime's probabilities differ from Keras's by up to {difference:.2g} on "
            f"{len(images)} images, allowed are {TOLERANCE:g}; the network uses a layer that does not convert"
        )
    return answers


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Silence stderr: TensorFlow's converter writes there whatever the log level (tf2onnx 1.17)."""
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    stderr = os.dup(2)
    try:
        with tempfile.TemporaryFile() as nowhere, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def _rename(path: Path) -> None:
    """Name the output, and number all nodes and tensors.

    tf2onnx takes names from Keras's internals and from a counter of the process: equal weights would give
    different files.
    """
    import onnx

    graph = (model := onnx.load(str(path))).graph
    names = {"": "", graph.input[0].name: INPUT, graph.output[0].name: OUTPUT}
    for number, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{number}"
        for tensors, kind in ((node.input, "in"), (node.output, "out")):
            for position, tensor in enumerate(tensors):
                tensors[position] = names.setdefault(tensor, f"{node.name}_{kind}_{position}")
    weights = [tensor for tensor in graph.initializer if tensor.name in names]
    for value in (*weights, *graph.input, *graph.output):
        value.name = names[value.name]
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "n"
    del graph.initializer[:], graph.value_info[:]
    graph.initializer.extend(sorted(weights, key=lambda tensor: str(tensor.name)))
    graph.name, graph.doc_string = "fmnist", ""
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _answers(path: Path, images: Images) -> NDArray[np.float32]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    found = [
        (value.name, value.type, value.shape) for value in (*session.get_inputs(), *session.get_outputs())
    ]
    expected = [
        (INPUT, "tensor(uint8)", ["n", *IMAGE_SHAPE]),
        (OUTPUT, "tensor(float)", ["n", len(CLASSES)]),
    ]
    if found != expected:
        raise IntegrityError(f"{path.name}: expected input and output {expected}, found {found}")
    answers: NDArray[np.float32] = session.run([OUTPUT], {INPUT: images})[0]
    return answers
