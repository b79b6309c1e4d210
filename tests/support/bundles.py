"""A real bundle without TensorFlow: a linear classifier written straight as ONNX."""

import base64
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from fmnist.core.bundle import (
    Bundle,
    KnownAnswer,
    Metadata,
    ReferenceStatistics,
    open_bundle,
    write_metadata,
)
from fmnist.core.fashion_mnist import CLASSES, MODEL_NAME, PIXELS, TRAIN
from fmnist.core.provenance import DataReference, Provenance
from fmnist.files.atomic import sha256_of


def write_onnx(path: Path, weights: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
    """``softmax(pixels / 255 @ weights + bias)``; input ``image`` uint8 [n, 28, 28], output [n, 10]."""
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["float", "shape"], ["flat"]),
        helper.make_node("Div", ["flat", "scale"], ["scaled"]),
        helper.make_node("Gemm", ["scaled", "weights", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 28, 28])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(CLASSES)])],
        [
            numpy_helper.from_array(np.array([-1, PIXELS], np.int64), "shape"),
            numpy_helper.from_array(np.array(255, np.float32), "scale"),
            numpy_helper.from_array(weights.astype(np.float32), "weights"),
            numpy_helper.from_array(bias.astype(np.float32), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def make_bundle(
    folder: Path,
    *,
    weights: NDArray[np.float32] | None = None,
    bias: NDArray[np.float32] | None = None,
    origin: str = "synthetic",
    seed: int = 0,
) -> Bundle:
    """A bundle in ``folder``; random weights unless given. Other seeds give other bundles."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    weights = random.normal(0, 0.1, (PIXELS, len(CLASSES))).astype(np.float32) if weights is None else weights
    bias = np.zeros(len(CLASSES), np.float32) if bias is None else bias
    write_onnx(folder / "model.onnx", weights, bias)
    (folder / "model.keras").write_bytes(b"not read by the stages after training")
    image = random.integers(0, 256, (1, 28, 28), np.uint8)
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    answer = session.run(None, {"image": image})[0][0]
    write_metadata(
        folder,
        Metadata(
            model=MODEL_NAME,
            network="linear",
            classes=CLASSES,
            input="uint8 [n, 28, 28], 0-255",
            preprocessing="none: scaling is in the graph",
            epochs=1,
            hyperparameters={"seed": seed},
            metrics={"accuracy": 0.9},
            provenance=Provenance(
                experiment="fmnist-const",
                run=f"run-{seed}",
                parent_run=None,
                git_commit="0123456789abcdef0123456789abcdef01234567",
                train_data=DataReference(
                    TRAIN.repo, "89abcdef" * 5, origin, {file.name: file.sha256 for file in TRAIN.files}
                ),
                seed=seed,
                threads=1,
                onednn=True,
                created="2026-01-01T00:00:00+00:00",
            ),
            known_answer=KnownAnswer(
                base64.b64encode(image.tobytes()).decode(), tuple(float(value) for value in answer)
            ),
            reference=ReferenceStatistics(
                images=60_000,
                pixel_mean=72.9,
                pixel_std=90.0,
                pixel_histogram=(1 / 16,) * 16,
                mean_intensity_quantiles=tuple(float(value) for value in range(0, 105, 5)),
                class_share=(0.1,) * 10,
            ),
            versions={"onnx": onnx.__version__},
            files={name: sha256_of(folder / name) for name in ("model.keras", "model.onnx")},
        ),
    )
    return open_bundle(folder)
