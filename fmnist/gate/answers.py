"""What a bundle's very ``model.onnx`` answers to the test images."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from fmnist.core.dataset import Images, Labels
from fmnist.core.fashion_mnist import CLASSES
from fmnist.core.predictor import Predictor

Answers = NDArray[np.float32]

_CHUNK = 250
_SUM_TOLERANCE = 1e-3
_ROUNDS = 5
_CALLS = 40


def answers_to(predictor: Predictor, images: Images) -> Answers:
    """Every image's answer, float32 [n, 10]; one thread of the model per core."""
    chunks = [images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK)]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return np.concatenate(list(threads.map(predictor.predict, chunks)))


def checked(answers: Answers, labels: Labels) -> tuple[Answers, int]:
    """The answers with unusable ones made wrong, so that no score profits from them; and their number.

    Usable is an answer of ten finite shares, 0-1, that sum to 1.
    """
    wrong = np.eye(len(CLASSES), dtype=np.float32)[(labels + 1) % len(CLASSES)]
    if answers.shape != wrong.shape:
        return wrong, len(labels)
    within = ((answers >= 0) & (answers <= 1 + _SUM_TOLERANCE)).all(axis=1)
    usable = within & (np.abs(answers.sum(axis=1) - 1) <= _SUM_TOLERANCE)
    return np.where(usable[:, None], answers, wrong), int((~usable).sum())


def latency_ms(predict: Callable[[Images], Answers], image: Images) -> float:
    """Median of the calmest round, in milliseconds: what else the machine does should not decide."""
    medians = []
    for _ in range(_ROUNDS):
        times = []
        for _ in range(_CALLS):
            start = time.perf_counter()
            predict(image)
            times.append(time.perf_counter() - start)
        medians.append(float(np.median(times)))
    return min(medians) * 1000
