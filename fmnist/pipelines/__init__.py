"""Pachyderm pipelines: their specs, how they get to the server, and the programs that they run."""
