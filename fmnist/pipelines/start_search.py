"""Entry point of pipelines made before ``fmnist.jobs.start_search``."""

from fmnist.jobs.pipeline_program import run
from fmnist.jobs.start_search import start_search

if __name__ == "__main__":
    run(start_search)
