"""Experiment files of the tests' own: the shipped ones may change."""

from typing import Any

from fmnist.experiments import Experiment

SHARED = {"metric": "accuracy", "smaller_is_better": False}
ASHA = {**SHARED, "name": "adaptive_asha", "time_metric": "epochs", "max_time": 16, "max_trials": 16}
RANDOM = {**SHARED, "name": "random", "max_trials": 4}


def experiment(
    searcher: dict[str, Any] = ASHA, *, epochs: int = 16, seed: int = 7, **hyperparameters: Any
) -> Experiment:
    """An experiment whose hyperparameters are of every kind; ``max_time`` counts before ``epochs``."""
    return Experiment.model_validate(
        {
            "name": "fmnist-adaptive",
            "entrypoint": "true",
            "hyperparameters": {
                "network": "modern",
                "width": {"type": "int", "minval": 8, "maxval": 10},
                "dropout": {"type": "double", "minval": 0.0, "maxval": 0.3},
                "epochs": searcher.get("max_time", epochs),
                "batch_size": {"type": "categorical", "vals": [64, 128, 256]},
                "val_size": 0.1,
                "optimizer": {
                    "name": "adamw",
                    "learning_rate": {"type": "log", "base": 10, "minval": -3, "maxval": -1.8},
                    "weight_decay": 0.001,
                },
                "schedule": {"name": "cosine", "warm_up": 0.25},
                "loss": {"name": "cross_entropy", "label_smoothing": {"type": "const", "val": 0.05}},
                "augmentation": {"flip": 0.5},
                **hyperparameters,
            },
            "searcher": searcher,
            "reproducibility": {"experiment_seed": seed},
        }
    )
