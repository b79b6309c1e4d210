"""Render the report from its templates: one HTML file that needs nothing else, Markdown, a short note.

What comes from the registry and the data is escaped by the environments, whatever a template does.
"""

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from io import BytesIO

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fmnist.catalogue.promotions import format_tenures
from fmnist.core.bundle import Metadata
from fmnist.core.fashion_mnist import IMAGE_SHAPE
from fmnist.experiments import flat
from fmnist.report.figures import bound, figure, interval, moment, names, points, short
from fmnist.report.lineage import chain, lineage_of
from fmnist.report.model import ModelReport, VersionEntry

_HEADLINES = {
    "passed": "Passed every rule",
    "overridden": "Overridden: rules failed, and a user let it pass",
    "refused": "Refused",
    "not tested": "Not tested",
    "unreadable": "Its verdict cannot be read",
}
_MARKS = {"passed": "✅", "overridden": "⚠️", "refused": "❌", "not tested": "▫️", "unreadable": "⛔"}


def to_html(report: ModelReport) -> str:
    """The whole page, for browsers without network."""
    return _environment(None).get_template("report.html.j2").render(report=report, headlines=_HEADLINES)


def to_markdown(report: ModelReport) -> str:
    """All versions in one table, then each with its verdict, rules, classes and lineage."""
    return _environment(_markdown).get_template("report.md.j2").render(report=report, marks=_MARKS)


def to_note(report: ModelReport) -> str:
    """A few lines on the version that the report is about, ready to be posted to a merge request."""
    return _environment(_markdown).get_template("note.md.j2").render(report=report, marks=_MARKS)


def plain(text: str) -> str:
    """Text from outside as one line that Markdown and GitLab's HTML leave as it is."""
    return re.sub(r"([\\`*_{}\[\]<>|#~$@!&])", r"\\\1", " ".join(text.split()))


def _markdown(value: object) -> Markup:
    return value if isinstance(value, Markup) else Markup(plain(str(value)))  # noqa: S704


@cache
def _environment(finalize: Callable[[object], object] | None) -> Environment:
    """Templates with the report's filters; ``finalize`` escapes for another format than HTML."""
    environment = Environment(
        loader=PackageLoader("fmnist.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=finalize is not None,
        keep_trailing_newline=True,
    )
    filters = (bound, figure, interval, moment, names, points, short, zip)
    environment.filters |= {function.__name__: function for function in filters}
    environment.filters |= {
        "class_name": _class_name,
        "facts": _facts,
        "links": _links,
        "png": _png,
        "recorded": _recorded,
        "short_float": _short_float,
        "slug": lambda text: text.replace(" ", "-"),
    }
    return environment


def _class_name(index: int, classes: Sequence[str]) -> str:
    return classes[index] if 0 <= index < len(classes) else f"class {index}"


def _short_float(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _png(pixels: bytes) -> str:
    """Pixels as base64 of a PNG."""
    from PIL import Image

    stream = BytesIO()
    Image.frombytes("L", IMAGE_SHAPE[::-1], pixels).save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode()


def _links(entry: VersionEntry) -> list[tuple[str, str]]:
    """When the version served, and the chain of its lineage."""
    served = [("serving", format_tenures(entry.tenures))] if entry.tenures else []
    return [*served, *chain(lineage_of(entry.version))]


def _facts(entry: VersionEntry) -> list[tuple[str, str]]:
    """Lineage, and who tested the version on what and when."""
    result = entry.result
    links = [(name, text) for name, text in _links(entry) if name != "gate"]
    if result is None:
        return links
    data = result.test_data
    signer = "CI's key" if result.key == "ci" else "a machine's own key (not for a cluster)"
    return [
        *links,
        ("tested", moment(result.time) + (f", pipeline {result.pipeline}" if result.pipeline else "")),
        ("test data", f"{data.repo}@{data.commit} ({data.origin})"),
        ("policy", result.policy_sha256),
        ("signed", f"by {signer}, {result.key_id}" if result.key_id else "by nobody: it is not kept"),
    ]


def _recorded(metadata: Metadata) -> list[tuple[str, str]]:
    """All that a training recorded, flat, as JSON unless it is text."""
    raw = asdict(metadata)
    pairs = [(name, raw[name]) for name in ("network", "epochs", "input", "preprocessing")]
    for group in ("hyperparameters", "metrics", "versions", "files"):
        pairs.extend((f"{group}: {name}", value) for name, value in sorted(flat(raw[group]).items()))
    return [
        (name, value if isinstance(value, str) else json.dumps(value, default=str)) for name, value in pairs
    ]
