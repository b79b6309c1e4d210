"""Entry point of pipelines made before ``fmnist.jobs.retrain``."""

from fmnist.jobs.program import run
from fmnist.jobs.retrain import retrain

if __name__ == "__main__":
    run(retrain)
