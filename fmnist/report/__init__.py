"""The gate's report: all versions of a model and how they did, for people and machines."""
