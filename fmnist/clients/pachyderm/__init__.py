"""Pachyderm: connection, errors, and python-pachyderm's messages."""
