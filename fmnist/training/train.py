"""Entry point of experiment files written before ``fmnist.jobs.train``; such files still run."""

from fmnist.jobs.train import main

if __name__ == "__main__":
    main()
