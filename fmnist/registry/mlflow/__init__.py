"""MLflow's registry as model registry; its database is read directly and written by MLflow's client."""

from fmnist.registry.mlflow.registry import MlflowRegistry

__all__ = ["MlflowRegistry"]
