"""The report as one HTML file that needs nothing else."""

from fmnist.gate.verdict import Rule
from fmnist.report.elements import Html, cell, element, number, table, void
from fmnist.report.figures import NOTHING, interval, moment, names, short
from fmnist.report.model import Entry, Report
from fmnist.report.sections import badges, facts, figures, rule_table, verdict_box
from fmnist.report.style import CSS


def to_html(report: Report) -> str:
    """The whole page; what comes from registry and data is escaped."""
    head = element(
        "head",
        void("meta", charset="utf-8"),
        void("meta", name="viewport", content="width=device-width,initial-scale=1"),
        void("meta", name="referrer", content="no-referrer"),
        element("title", f"{report.model}: model versions"),
        element("style", Html(CSS)),
    )
    main = element("main", *_opening(report), *_versions(report), _closing())
    return f"<!doctype html>\n{element('html', head, element('body', main), lang='en')}\n"


def _opening(report: Report) -> list[Html]:
    count = len(report.entries)
    return [
        element("h1", report.model),
        element("p", f"{count} version{'s' * (count != 1)} · {moment(report.made)}", class_="soft"),
        element("h2", "Versions"),
        table(
            ("version", "verdict", "accuracy", "95 % interval", "trained on", "registered", "broken rules"),
            [_row(entry) for entry in report.entries],
            "versions",
        ),
    ]


def _row(entry: Entry) -> tuple[Html, ...]:
    version = entry.version
    rule = _accuracy(entry)
    return (
        element("th", element("a", str(version.number), href=f"#version-{version.number}"), scope="row"),
        cell(badges(entry)),
        number(f"{rule.measured:.4f}" if rule and rule.measured is not None else NOTHING),
        number(interval(rule.uncertainty, "share") if rule else ""),
        cell(version.metadata.provenance.train_data.origin),
        number(moment(version.created)),
        cell(_broken(entry), kind="last"),
    )


def _broken(entry: Entry) -> str:
    return names(entry.result.verdict.broken) if entry.result else ""


def _accuracy(entry: Entry) -> Rule | None:
    rules = entry.result.verdict.rules if entry.result else ()
    return next((rule for rule in rules if rule.name == "accuracy"), None)


def _versions(report: Report) -> list[Html]:
    return [
        element("h2", "Each version"),
        *(_version(entry, report) for entry in report.entries),
    ]


def _version(entry: Entry, report: Report) -> Html:
    version = entry.version
    summary = element(
        "summary",
        f"Version {version.number}",
        badges(entry),
        element("span", f"{version.metadata.network} · bundle {short(version.bundle_sha256)}", class_="soft"),
    )
    opened = {"open": "open"} if version.number == report.subject else {}
    return element(
        "details",
        summary,
        # Browsers open what is closed when a link leads inside it.
        element("div", *_inside(entry, report), class_="inside", id=f"version-{version.number}"),
        class_="version",
        **opened,
    )


def _inside(entry: Entry, report: Report) -> list[Html]:
    parts = [verdict_box(entry), facts(entry)]
    if entry.result is not None:
        parts += [element("h3", "Rules"), rule_table(entry.result.verdict.rules)]
    if entry.evidence is not None:
        parts.append(figures(entry.evidence, entry.pictures, report.classes))
    return parts


def _closing() -> Html:
    words = "The signature of a verdict is checked by whatever builds or deploys, not by this report."
    return element("footer", element("p", words, class_="soft"))
