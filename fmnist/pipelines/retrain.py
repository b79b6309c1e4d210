"""Entry point of pipelines made before ``fmnist.jobs.retrain``."""

from fmnist.jobs.pipeline_program import run
from fmnist.jobs.retrain import retrain

if __name__ == "__main__":
    run(retrain)
