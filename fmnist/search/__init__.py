"""The stage that tries many points of the hyperparameter space and keeps the best trial's checkpoint."""
