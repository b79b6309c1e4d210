"""fmnist: from a data commit to a served, traceable Fashion-MNIST prediction."""

PATH = (
    "data",
    "experiments",
    "tracking",
    "training",
    "search",
    "registry",
    "gate",
    "serving",
    "deployment",
    "retraining",
    "report",
)
"""The stages, each a folder, in the order of the path: one imports those before it, never one after."""

__all__ = ["PATH"]
