"""Hyperparameters of trainings that take seconds."""

SMALL = {
    "network": "modern",
    "width": 8,
    "dropout": 0.2,
    "epochs": 2,
    "batch_size": 32,
    "val_size": 0.2,
    "optimizer": {"name": "adamw", "learning_rate": 0.004, "weight_decay": 0.0005},
    "schedule": {"name": "cosine", "warm_up": 0.25, "final": 0.01},
    "loss": {"name": "cross_entropy", "label_smoothing": 0.05},
    "augmentation": {"flip": 0.5, "shift": 0.5, "erase": 0.5},
}

MINIMAL = {
    "network": "modern",
    "width": 8,
    "dropout": 0.0,
    "epochs": 1,
    "batch_size": 8,
    "val_size": 0.1,
    "optimizer": {"name": "sgd", "learning_rate": 0.1},
    "schedule": {"name": "cosine"},
    "loss": {"name": "cross_entropy"},
}
"""Every hyperparameter that is needed, and no other."""
