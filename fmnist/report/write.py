"""Write a report's files."""

from pathlib import Path

from fmnist.files.atomic import write_atomically
from fmnist.report.machine import to_json, to_metrics
from fmnist.report.model import ModelReport
from fmnist.report.pages import to_html, to_markdown, to_note


def write(report: ModelReport, folder: Path) -> list[Path]:
    """Each file whole or not at all, in the order they are of use to a person.

    Raises:
        UnavailableError: the folder cannot be written.
    """
    contents = {
        "model-versions.html": to_html(report),
        "model-versions.md": to_markdown(report),
        "model-versions.json": to_json(report),
        "note.md": to_note(report),
        "metrics.txt": to_metrics(report),
    }
    for name, content in contents.items():
        write_atomically(folder / name, content)
    return [folder / name for name in contents]
