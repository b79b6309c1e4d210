"""Entry point of pipelines made before ``fmnist.jobs.validate_data``."""

from fmnist.jobs.pipeline_program import run
from fmnist.jobs.validate_data import validate_data

if __name__ == "__main__":
    run(validate_data)
