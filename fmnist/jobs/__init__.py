"""Entry points without a terminal: what clusters, pipelines and make start."""
