"""The second stage: from a data commit to a checkpoint."""
