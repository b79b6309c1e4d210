"""The fifth stage: model versions that answer requests behind a gateway."""
