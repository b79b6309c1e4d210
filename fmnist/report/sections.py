"""What the page says of one version, part by part."""

import base64
import json
from dataclasses import asdict
from io import BytesIO

from fmnist.catalogue.history import format_tenures
from fmnist.core.bundle import Metadata
from fmnist.core.fashion_mnist import IMAGE_SHAPE
from fmnist.experiments import flat
from fmnist.gate.evidence import Comparison, Evidence, SampleError
from fmnist.gate.verdict import Rule
from fmnist.report.charts import confusion_matrix, reliability_diagram
from fmnist.report.elements import Html, cell, element, heading, join, number, table, void
from fmnist.report.figures import bound, figure, interval, moment, points
from fmnist.report.lineage import chain, lineage_of
from fmnist.report.model import Entry, Picture


def badge(text: str) -> Html:
    """A coloured word; its colour is the text's own class."""
    return element("span", text, class_=f"badge {text.replace(' ', '-')}")


def badges(entry: Entry) -> Html:
    """The verdict, how it stands as champion, drawn images, and that something cannot be shown."""
    marks = {
        entry.serving: bool(entry.serving),
        "synthetic": entry.synthetic,
        "incomplete": bool(entry.result and entry.troubles),
    }
    words = [entry.status, *(word for word, holds in marks.items() if holds)]
    return join([part for word in words for part in (badge(word), " ")])


def verdict_box(entry: Entry) -> Html:
    """The verdict at a glance: broken rules, override, what could not be read."""
    inside: list[Html] = [element("strong", _HEADLINES[entry.status]), *_remarks(entry), *_override(entry)]
    if entry.result is not None and entry.result.verdict.broken:
        broken = [
            element("li", element("b", rule.name), f": {rule.explanation}")
            for rule in entry.result.verdict.broken
        ]
        inside.append(element("ul", *broken))
    if entry.status == "not tested":
        inside.append(
            element("p", "Test it: ", element("code", f"fmnist gate --version {entry.version.number}"))
        )
    troubles = [element("p", trouble) for trouble in entry.troubles]
    if entry.result is None:
        return _box(entry.status, [*inside, *troubles])
    missing = _box("incomplete", [element("strong", "Not all can be shown"), *troubles]) if troubles else ""
    return join([_box(entry.status, inside), missing])


def _box(kind: str, inside: list[Html]) -> Html:
    return element("div", *inside, class_=f"verdict {kind.replace(' ', '-')}")


_HEADLINES = {
    "passed": "Passed every rule",
    "forced": "Forced: it broke rules, and someone let it pass",
    "refused": "Refused",
    "not tested": "Never tested",
    "unreadable": "Its verdict cannot be read",
}


def _remarks(entry: Entry) -> list[Html]:
    return [element("p", remark) for remark in entry.remarks]


def _override(entry: Entry) -> list[Html]:
    if entry.result is None or entry.result.override is None:
        return []
    override = entry.result.override
    return [element("p", "Override by ", element("b", override.who), f": “{override.reason}”")]


def rule_table(rules: tuple[Rule, ...]) -> Html:
    """Every rule; the broken ones stand out."""
    body = [
        element(
            "tr",
            heading(rule.name),
            cell(badge(rule.outcome)),
            number(figure(rule.measured, rule.unit)),
            number(bound(rule)),
            cell(rule.explanation, kind="why"),
            class_="broken" if rule.broken else "kept",
        )
        for rule in rules
    ]
    head = [element("th", name, scope="col") for name in ("rule", "outcome", "measured", "asked", "in words")]
    whole = element("table", element("thead", element("tr", *head)), element("tbody", *body), class_="rules")
    return element("div", whole, class_="wide")


def figures(evidence: Evidence, pictures: tuple[Picture, ...], classes: tuple[str, ...]) -> Html:
    """Tables and charts of what the gate measured."""
    reading = (
        f"Expected calibration error {evidence.expected_calibration_error:.4f}. "
        "On the dashed line, answers are right as often as they say."
    )
    return join(
        [
            element("h3", "Classes"),
            _class_table(evidence),
            element(
                "div",
                element(
                    "section",
                    element("h3", "Confusion"),
                    element("p", "Rows are the truth, columns the answer.", class_="soft"),
                    confusion_matrix(evidence.confusion, classes),
                ),
                element(
                    "section",
                    element("h3", "Reliability"),
                    element("p", reading, class_="soft"),
                    reliability_diagram(evidence.reliability),
                ),
                class_="pair",
            ),
            *_comparisons(evidence, classes),
            element("h3", "Under corruption"),
            _corruption_table(evidence),
            element("h3", "Surest wrong answers"),
            _error_grid(pictures, classes),
        ]
    )


def _class_table(evidence: Evidence) -> Html:
    rows = [
        (
            heading(item.name),
            number(f"{item.images:,}"),
            number(f"{item.precision:.3f}"),
            cell(f"{item.recall:.3f}", _meter(item.recall), kind="n"),
            number(f"{item.f1:.3f}"),
        )
        for item in evidence.classes
    ]
    return table(("class", "images", "precision", "recall", "F1"), rows, "classes")


def _meter(share: float) -> Html:
    width = f"width:{100 * min(max(share, 0.0), 1.0):.1f}%"
    return element("span", element("i", style=width), class_="meter", aria_hidden="true")


def _corruption_table(evidence: Evidence) -> Html:
    rows = [
        (
            heading(effect.name),
            number(f"{effect.accuracy:.4f}"),
            number(f"{effect.drop:.4f}"),
            number(interval(effect.uncertainty, "share")),
        )
        for effect in evidence.corruptions
    ]
    return table(("corruption", "accuracy", "drop", "its 95 % interval"), rows, "corruptions")


def _comparisons(evidence: Evidence, classes: tuple[str, ...]) -> list[Html]:
    champion, best = evidence.champion, evidence.best
    if champion is None and best is None:
        return [
            element("h3", "Against the champion"),
            element("p", "There was none to compare with.", class_="soft"),
        ]
    if best == champion:
        best = None
    named = [("champion", champion), ("best version ever promoted", best)]
    return [_comparison(name, other, evidence, classes) for name, other in named if other is not None]


def _comparison(name: str, other: Comparison, evidence: Evidence, classes: tuple[str, ...]) -> Html:
    accuracy = other.accuracy + (other.gained - other.lost) / other.images
    words = (
        f"Of {other.images:,} images, {other.gained:,} are right only here and {other.lost:,} only there: "
        f"accuracy {accuracy:.4f} against {other.accuracy:.4f}, {points(accuracy - other.accuracy)}."
    )
    rows = [
        (
            heading(label),
            number(f"{own.recall:.3f}"),
            number(f"{recall:.3f}"),
            number(points(own.recall - recall)),
        )
        for label, own, recall in zip(classes, evidence.classes, other.recall, strict=False)
    ]
    return join(
        [
            element("h3", f"Against the {name}, version {other.version}"),
            element("p", words),
            table(("recall of", "this version", f"version {other.version}", "difference"), rows, "against"),
        ]
    )


def _error_grid(pictures: tuple[Picture, ...], classes: tuple[str, ...]) -> Html:
    if not pictures:
        return element("p", "No image was named wrong.", class_="soft")
    return element("ul", *(_error(picture, classes) for picture in pictures), class_="errors")


def _error(picture: Picture, classes: tuple[str, ...]) -> Html:
    error = picture.error
    return element(
        "li",
        _image(picture, classes),
        element("b", f"{_name(error.answer, classes)} {error.probability:.0%}"),
        element("span", f"is {_name(error.truth, classes)} {error.truth_probability:.0%}"),
        element("div", f"image {error.index}", class_="soft"),
    )


def _image(picture: Picture, classes: tuple[str, ...]) -> Html:
    if picture.pixels is None:
        return element("span", "not to be had", class_="unseen")
    return void(
        "img", src=f"data:image/png;base64,{_png(picture.pixels)}", alt=_described(picture.error, classes)
    )


def _described(error: SampleError, classes: tuple[str, ...]) -> str:
    return f"test image {error.index}, a {_name(error.truth, classes)}"


def _name(index: int, classes: tuple[str, ...]) -> str:
    return classes[index] if 0 <= index < len(classes) else f"class {index}"


def _png(pixels: bytes) -> str:
    """The image as base64 of a PNG."""
    from PIL import Image

    stream = BytesIO()
    Image.frombytes("L", IMAGE_SHAPE[::-1], pixels).save(stream, "PNG", optimize=True)
    return base64.b64encode(stream.getvalue()).decode()


def facts(entry: Entry) -> Html:
    """Lineage, who tested it on what and when, and what training left."""
    served = [("serving", format_tenures(entry.tenures))] if entry.tenures else []
    pairs = [*served, *_lineage(entry), *_test(entry)]
    return join(
        [
            element("h3", "Lineage"),
            _definitions(pairs),
            _more("Everything training recorded", entry.version.metadata),
        ]
    )


def _lineage(entry: Entry) -> list[tuple[str, str]]:
    if entry.result is None and entry.troubles:
        # The chain reads the verdict too; what a broken one hides is in the metadata below.
        provenance = entry.version.metadata.provenance
        return [
            ("run", provenance.run),
            ("data", provenance.train_data.commit),
            ("code", provenance.git_commit),
        ]
    return [(name, text) for name, text in chain(lineage_of(entry.version)) if name != "gate"]


def _test(entry: Entry) -> list[tuple[str, str]]:
    result = entry.result
    if result is None:
        return []
    data = result.test_data
    signer = "CI's key" if result.key == "ci" else "a machine's own key (not for a cluster)"
    return [
        ("tested", moment(result.time) + (f", pipeline {result.pipeline}" if result.pipeline else "")),
        ("test data", f"{data.repo}@{data.commit} ({data.origin})"),
        ("policy", result.policy_sha256),
        ("signed", f"by {signer}, {result.key_id}"),
    ]


def _definitions(pairs: list[tuple[str, str]]) -> Html:
    return element("dl", *(join([element("dt", name), element("dd", text)]) for name, text in pairs))


def _more(title: str, metadata: Metadata) -> Html:
    raw = asdict(metadata)
    pairs = [(name, _plain(raw[name])) for name in ("network", "epochs", "input", "preprocessing")]
    for group in ("hyperparameters", "metrics", "versions", "files"):
        pairs.extend((f"{group}: {name}", _plain(value)) for name, value in sorted(flat(raw[group]).items()))
    return element("details", element("summary", title), _definitions(pairs), class_="more")


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
