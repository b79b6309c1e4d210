"""Experiments at a Determined master."""

import fmnist.clients.determined  # noqa: F401 - first: it silences the warnings of determined's own imports
