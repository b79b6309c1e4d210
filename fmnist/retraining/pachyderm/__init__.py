"""Pachyderm pipelines: their specs, and how these get to the server."""
