"""Pachyderm as the cluster's engine of versioned data."""
