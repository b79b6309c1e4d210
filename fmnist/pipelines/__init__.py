"""Entry points that pipelines made before ``fmnist.jobs`` name; such pipelines still run."""
