"""The report and the note for a merge request as Markdown."""

import re

from fmnist.catalogue.history import format_tenures
from fmnist.gate.verdict import Rule
from fmnist.report.figures import NOTHING, bound, figure, interval, moment, names, points
from fmnist.report.lineage import chain, lineage_of
from fmnist.report.model import Entry, Report

_MARKS = {"passed": "✅", "forced": "⚠️", "refused": "❌", "not tested": "▫️", "unreadable": "⛔"}


def to_markdown(report: Report) -> str:
    """All versions in one table, then each with its verdict, rules, classes and lineage."""
    lines = [
        f"# {plain(report.model)}: model versions",
        "",
        f"{len(report.entries)} version(s), {moment(report.made)}. Charts and pictures are in the HTML.",
        "",
        *_table(
            (
                *("version", "verdict", "serving", "accuracy", "95 % interval"),
                *("trained on", "registered", "broken rules"),
            ),
            [_row(entry) for entry in report.entries],
        ),
    ]
    for entry in report.entries:
        lines += ["", *_version(entry, report.classes)]
    return "\n".join(lines) + "\n"


def to_note(report: Report) -> str:
    """A few lines on the version that the report is about, ready to be posted to a merge request."""
    entry = report.entry
    version = entry.version
    lines = [f"**{_verdict(entry)}: {plain(report.model)} version {version.number}**", "", *_told(entry)]
    if entry.result is not None:
        data = entry.result.test_data
        lines += [
            "",
            f"Tested on {plain(data.repo)}@`{plain(data.commit[:10])}`, {moment(entry.result.time)}.",
        ]
    if entry.evidence is not None and (other := entry.evidence.champion) is not None:
        change = (other.gained - other.lost) / other.images
        lines += ["", f"Against the champion (version {other.version}): {points(change)} accuracy."]
    return (
        "\n".join(
            [*lines, "", "The whole report is among the job's artifacts: `reports/model-versions.html`."]
        )
        + "\n"
    )


def plain(text: str) -> str:
    """Text from outside as one line that Markdown and GitLab's HTML leave as it is."""
    return re.sub(r"([\\`*_{}\[\]<>|#~$@!&])", r"\\\1", " ".join(text.split()))


def _row(entry: Entry) -> tuple[str, ...]:
    rule = _accuracy(entry)
    return (
        str(entry.version.number),
        _verdict(entry),
        entry.serving,
        figure(rule.measured, "share") if rule else NOTHING,
        interval(rule.uncertainty, "share") if rule else "",
        plain(entry.version.metadata.provenance.train_data.origin),
        moment(entry.version.created),
        plain(names(entry.result.verdict.broken)) if entry.result else "",
    )


def _accuracy(entry: Entry) -> Rule | None:
    rules = entry.result.verdict.rules if entry.result else ()
    return next((rule for rule in rules if rule.name == "accuracy"), None)


def _verdict(entry: Entry) -> str:
    return f"{_MARKS[entry.status]} {entry.status}{' (synthetic)' if entry.synthetic else ''}"


def _version(entry: Entry, classes: tuple[str, ...]) -> list[str]:
    lines = [f"## Version {entry.version.number}: {_verdict(entry)}", "", *_told(entry), "", *_chain(entry)]
    if entry.result is not None:
        rules = entry.result.verdict.rules
        header = ("rule", "outcome", "measured", "asked", "in words")
        lines += ["", *_table(header, [_rule(rule) for rule in rules])]
    if entry.evidence is not None:
        rows = [
            (
                plain(item.name),
                str(item.images),
                *(f"{value:.3f}" for value in (item.precision, item.recall, item.f1)),
            )
            for item in entry.evidence.classes
        ]
        lines += ["", *_table(("class", "images", "precision", "recall", "F1"), rows)]
    return lines


def _told(entry: Entry) -> list[str]:
    lines = [f"- {plain(remark)}" for remark in (*entry.remarks, *entry.troubles)]
    if entry.status == "not tested":
        lines.append(f"- Never tested; `fmnist gate --version {entry.version.number}` does it.")
    if entry.result is None:
        return lines
    if entry.result.override:
        override = entry.result.override
        lines.append(f"- **Override** by {plain(override.who)}: {plain(override.reason)}")
    broken = entry.result.verdict.broken
    lines += [f"- **{plain(rule.name)}**: {plain(rule.explanation)}" for rule in broken]
    return lines if broken else [*lines, "- No rule is broken."]


def _chain(entry: Entry) -> list[str]:
    if entry.status == "unreadable":
        return []
    served = [("serving", format_tenures(entry.tenures))] if entry.tenures else []
    return [f"- {name}: {plain(text)}" for name, text in [*served, *chain(lineage_of(entry.version))]]


def _rule(rule: Rule) -> tuple[str, ...]:
    outcome = f"**{rule.outcome}**" if rule.broken else str(rule.outcome)
    return (plain(rule.name), outcome, figure(rule.measured, rule.unit), bound(rule), plain(rule.explanation))


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    lines = [header, tuple("---" for _ in header), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
