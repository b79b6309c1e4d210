"""Tenth stage: a new data commit becomes a new model version."""
