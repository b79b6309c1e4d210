"""The third stage: model versions."""
