from pathlib import Path

import pytest

from fmnist.files.documents import parse_record
from fmnist.retraining.training import SCHEMA_VERSION, NoTraining, TrainingResult, write_result

# As the programs wrote them before records had one writer.
TRAINED = """{
  "schema_version": 1,
  "commit": "8d0b3f",
  "experiment": 7,
  "url": "http://master:8080/det/experiments/7",
  "trials": 4,
  "accuracy": 0.9125,
  "model": "fashion-classifier",
  "version": 3
}
"""
NOTHING = """{
  "schema_version": 1,
  "commit": "8d0b3f",
  "champion": 2
}
"""


@pytest.mark.parametrize(("text", "form"), [(TRAINED, TrainingResult), (NOTHING, NoTraining)])
def test_results_are_read_and_written_as_ever(
    text: str, form: type[TrainingResult | NoTraining], tmp_path: Path
) -> None:
    write_result(tmp_path, parse_record(text, form, "training.json", SCHEMA_VERSION))
    assert (tmp_path / "training.json").read_text() == text
