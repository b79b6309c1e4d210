"""The versions of the tests' home."""

GOOD = 1
"""Names every test image right."""

POOR = 2
"""Is right in 1 of 10; the latest."""
