"""How a stage tells people what it does, whoever shows it."""

from collections.abc import Callable

Say = Callable[[str], None]
"""Takes a line without its end."""
