"""Determined as tracker, in a trial of the master and in one of this machine."""

import fmnist.clients.determined  # noqa: F401 - first, to silence determined
