"""The gate as GitLab calls it; the project's own tests are in ``tests/``."""
