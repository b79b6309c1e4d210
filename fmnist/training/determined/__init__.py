"""Determined as tracker of trainings, on a cluster and from a laptop, and as runner of experiments."""

import warnings

with warnings.catch_warnings():
    # Its modules warn of each other when they are imported (0.38.1).
    warnings.simplefilter("ignore", FutureWarning)
    import determined.experimental  # noqa: F401
