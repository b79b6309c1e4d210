"""The promotion log: which version served from when to when, who wanted it, why, and how it ended."""
