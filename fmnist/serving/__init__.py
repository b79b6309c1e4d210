"""Serving: the model behind a prediction request, the same on a laptop and in the image."""
