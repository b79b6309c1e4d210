"""Trials that Determined starts."""

import fmnist.clients.determined  # noqa: F401 - first, to silence determined
