"""Settings: the environment, read once, at the edge."""

from fmnist.settings.environment import (
    PROJECT,
    DeterminedLogin,
    Settings,
    from_environment,
    user,
    variables,
)

__all__ = ["PROJECT", "DeterminedLogin", "Settings", "from_environment", "user", "variables"]
