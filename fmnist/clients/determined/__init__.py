"""Client of a Determined master. Imported first by whatever imports determined."""

import warnings

with warnings.catch_warnings():
    # Its modules warn of each other when they are imported (0.38.1).
    warnings.simplefilter("ignore", FutureWarning)
    import determined.experimental  # noqa: F401
