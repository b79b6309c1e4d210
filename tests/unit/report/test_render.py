import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmnist.catalogue.promotions import Tenure, TenureOutcome
from fmnist.gate.verdict import Outcome, Override
from fmnist.registry.base import ModelVersion, UnusableVersion
from fmnist.report.figures import names
from fmnist.report.machine import to_json, to_metrics
from fmnist.report.model import Picture, VersionEntry
from fmnist.report.pages import plain, to_html, to_markdown, to_note
from tests.support.reports import BROKEN, make_entry, make_report, make_version
from tests.support.results import make_rule

HOSTILE = "<script>alert(1)</script>\"'&|`]\n# boo"


class _Page(HTMLParser):
    """Its tags as they open, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> ModelVersion:
    return make_version(tmp_path_factory.mktemp("bundles"))


def test_a_refused_version_is_told_with_the_rules_it_broke(version: ModelVersion) -> None:
    report = make_report(make_entry(version, make_rule("accuracy"), BROKEN))
    page = _Page(to_html(report))
    assert "Refused" in page.text
    assert "0.4 are found" in page.text
    assert ("class", "broken") in page.attributes
    for text in (to_markdown(report), to_note(report)):
        assert "refused" in text
        assert "**recall of Shirt**: 0.4 are found" in text
    assert "fmnist_gate_broken_rules 1.0\n" in to_metrics(report)


def test_an_override_is_shown_in_every_file_for_people(version: ModelVersion) -> None:
    report = make_report(make_entry(version, BROKEN, override=Override("m.moser", "new shirts")))
    for text in (to_html(report), to_markdown(report), to_note(report), to_json(report)):
        assert "overridden" in text
        assert "m.moser" in text
        assert "new shirts" in text


@pytest.mark.parametrize(
    ("ended", "word"),
    [
        (None, "champion"),
        (TenureOutcome.REPLACED, "replaced"),
        (TenureOutcome.ROLLED_BACK, "rolled back"),
        (TenureOutcome.FAILED, "failed"),
    ],
)
def test_how_a_version_stands_as_champion_is_shown(
    version: ModelVersion, ended: TenureOutcome | None, word: str
) -> None:
    until = None if ended is None else "2026-01-05T00:00:00+00:00"
    tenure = Tenure(1, "a" * 64, "2026-01-04T00:00:00+00:00", until, "ada", "coats", ended)
    report = make_report(replace(make_entry(version), tenures=(tenure,)))
    assert ("class", f"badge {word.replace(' ', '-')}") in _Page(to_html(report)).attributes
    (row,) = [line for line in to_markdown(report).splitlines() if line.startswith("| 1 |")]
    assert f"| {word} |" in row
    for text in (to_html(report), to_markdown(report)):
        assert "by ada (coats)" in text
    (document,) = json.loads(to_json(report))["versions"]
    assert (document["serving"], document["promotions"][0]["who"]) == (word, "ada")


def test_one_that_is_refused_after_it_served_says_so(version: ModelVersion) -> None:
    tenure = Tenure(1, "a" * 64, "2026-01-04T00:00:00+00:00", None, "ada", None, None)
    report = make_report(replace(make_entry(version, BROKEN), tenures=(tenure,)))
    for text in (to_html(report), to_markdown(report), to_note(report)):
        assert "Refused after it served; now: champion." in text


def test_many_broken_recalls_are_counted_in_the_overview(version: ModelVersion) -> None:
    fail = {"outcome": Outcome.FAIL}
    two = [make_rule(f"recall of {name}", **fail) for name in ("Shirt", "Coat")]
    three = [*two, make_rule("recall of Bag", **fail)]
    assert names((make_rule("accuracy", **fail), *two)) == "accuracy, recall of Shirt, recall of Coat"
    assert names((make_rule("accuracy", **fail), *three)) == "accuracy, recall of 3 classes"
    page = _Page(to_html(make_report(make_entry(version, *three))))
    assert "recall of 3 classes" in page.text
    assert "recall of Bag" in page.text


def test_a_verdict_that_is_not_kept_says_so(version: ModelVersion) -> None:
    report = make_report(replace(make_entry(version), kept=False))
    for text in (to_html(report), to_markdown(report), to_note(report)):
        assert "Judged for a merge request" in text
    assert json.loads(to_json(report))["versions"][0]["kept"] is False


def test_synthetic_is_marked(version: ModelVersion) -> None:
    report = make_report(make_entry(version, dataset="synthetic"))
    for text in (to_html(report), to_markdown(report), to_note(report)):
        assert "synthetic" in text


def test_not_tested_and_unreadable_are_told(version: ModelVersion) -> None:
    untested = VersionEntry(version, None, None, (), ())
    unreadable = VersionEntry(replace(version, number=2), None, None, (), ("not a gate result",))
    broken = UnusableVersion(version.model, 3, version.created, "it holds <no> bundle")
    report = replace(make_report(unreadable, untested), unusable=(broken,))
    page = _Page(to_html(report))
    assert "Not tested" in page.text
    assert "not a gate result" in page.text
    assert "Not tested" in to_markdown(report)
    assert "not a gate result" in to_note(report)
    assert "it holds <no> bundle" in page.text
    assert r"it holds \<no\> bundle" in to_markdown(report)
    assert json.loads(to_json(report))["unusable"][0]["reason"] == "it holds <no> bundle"
    assert [entry["status"] for entry in json.loads(to_json(report))["versions"]] == [
        "unreadable",
        "not tested",
    ]
    assert to_metrics(report).endswith("# EOF\n")
    assert "fmnist_gate_measured{" not in to_metrics(report)


def test_nothing_from_outside_becomes_markup(version: ModelVersion) -> None:
    provenance = replace(version.metadata.provenance, run=HOSTILE, git_commit=HOSTILE)
    hostile = replace(
        version,
        model=HOSTILE,
        metadata=replace(
            version.metadata, network=HOSTILE, hyperparameters={HOSTILE: HOSTILE}, provenance=provenance
        ),
    )
    entry = make_entry(
        hostile,
        make_rule(HOSTILE, explanation=HOSTILE),
        replace(BROKEN, explanation=HOSTILE),
        override=Override(HOSTILE, HOSTILE),
        pipeline=HOSTILE,
    )
    report = replace(make_report(replace(entry, troubles=(HOSTILE,))), model=HOSTILE, classes=(HOSTILE,) * 10)
    page = _Page(to_html(report))
    assert "script" not in page.tags
    assert page.text.count("alert(1)") > 10
    for text in (to_markdown(report), to_note(report)):
        assert not re.search(r"(?<!\\)<script", text)
        assert "\n# boo" not in text
    assert 'rule="<script>' in to_metrics(report)
    assert r"\"'&|`]\n# boo" in to_metrics(report)


def test_the_page_needs_nothing_else(version: ModelVersion) -> None:
    text = to_html(make_report(make_entry(version, BROKEN)))
    page = _Page(text)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    addresses = [value or "" for name, value in page.attributes if name in ("src", "href")]
    assert addresses
    assert all(value.startswith(("data:image/png;base64,", "#")) for value in addresses)
    assert "url(" not in text
    assert "@import" not in text
    assert "prefers-color-scheme:dark" in text


def test_a_picture_that_cannot_be_had_is_told(version: ModelVersion) -> None:
    entry = make_entry(version)
    unseen = tuple(Picture(picture.error, None) for picture in entry.pictures)
    assert "not available" in to_html(make_report(replace(entry, pictures=unseen)))


def test_numbers_that_json_lacks_are_words(version: ModelVersion) -> None:
    metadata = replace(version.metadata, metrics={"loss": float("nan")})
    report = make_report(make_entry(replace(version, metadata=metadata), make_rule("accuracy")))
    loss = json.loads(to_json(report))["versions"][0]["metadata"]["metrics"]["loss"]
    assert loss == "NaN"


def test_all_versions_are_in_every_list(version: ModelVersion, tmp_path: Path) -> None:
    report = make_report(
        *(make_entry(replace(version, number=number)) for number in (12, 11, 10)), subject=11
    )
    page = _Page(to_html(report))
    assert [value for name, value in page.attributes if name == "href"] == [
        "#version-12",
        "#version-11",
        "#version-10",
    ]
    assert page.attributes.count(("open", "open")) == 1
    assert to_markdown(report).count("\n## Version ") == 3
    assert "version 11" in to_note(report)


@given(st.text())
@settings(max_examples=20, deadline=None)
def test_text_of_a_rule_adds_no_element_to_the_page(version: ModelVersion, text: str) -> None:
    plain_page, page = (
        _Page(to_html(make_report(make_entry(version, make_rule(name, explanation=name)))))
        for name in ("accuracy", text)
    )
    assert page.tags == plain_page.tags
    assert [name for name, _ in page.attributes] == [name for name, _ in plain_page.attributes]


@given(st.text())
def test_markdown_text_stays_in_its_line_and_cell(text: str) -> None:
    line = plain(text)
    assert len(line.splitlines()) <= 1
    assert not re.search(r"(?<!\\)(\\\\)*[|<`]", line)
