"""The first stage of the path: versioned raw data."""
