import csv
import json
from pathlib import Path

import numpy as np
import pytest

from fmnist.core.fashion_mnist import CLASSES
from fmnist.core.metrics import score
from fmnist.report.evaluation import write_evaluation


def test_the_files_hold_the_scores_and_every_answer(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 10, 50).astype(np.uint8)
    probabilities = random.dirichlet(np.ones(10), 50)
    write_evaluation(tmp_path / "new", probabilities, labels)
    scores = score(probabilities, labels)
    metrics = json.loads((tmp_path / "new/metrics.json").read_text())
    assert metrics["accuracy"] == pytest.approx(scores.accuracy)
    assert metrics["recall"]["Shirt"] == pytest.approx(scores.recall[6])
    with (tmp_path / "new/confusion.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    counts = np.zeros((10, 10), int)
    for row in rows:
        counts[CLASSES.index(row["actual"]), CLASSES.index(row["predicted"])] += 1
    assert np.array_equal(counts, scores.confusion)
    assert (tmp_path / "new/confusion.png").read_bytes().startswith(b"\x89PNG")
