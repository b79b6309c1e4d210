"""Experiments at a Determined master."""

import fmnist.clients.determined  # noqa: F401 - first, to silence determined
