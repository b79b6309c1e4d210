"""Folder names made from what people call their experiments and runs."""

import re


def folder_name(name: str) -> str:
    """``name`` without what a folder's name should not hold; never empty, hidden or a path."""
    return re.sub(r"[^\w.-]+", "-", name).strip(".-") or "unnamed"
