from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fmnist.catalogue.promotions import (
    EventType,
    History,
    PromotionEvent,
    Takeover,
    TakeoverKind,
    TenureOutcome,
    format_tenures,
    status,
)

FAILED, REPLACED, ROLLED_BACK = TenureOutcome.FAILED, TenureOutcome.REPLACED, TenureOutcome.ROLLED_BACK


def _history(*served: tuple[int, TenureOutcome | None]) -> History:
    """Versions in the order they served, each with how it ended the one before."""
    return History(
        tuple(
            PromotionEvent(f"t{at}", EventType.SERVES, Takeover(version, f"{version:064}", "ada", None, ends))
            for at, (version, ends) in enumerate(served)
        )
    )


def _known_good(history: History) -> list[int]:
    return [tenure.version for tenure in history.known_good]


def test_a_bundle_under_another_number_is_the_same_version() -> None:
    events = _history((1, None), (2, REPLACED), (1, ROLLED_BACK)).events
    shifted = replace(events[2], takeover=replace(events[2].takeover, version=4))
    history = History((*events[:2], shifted))
    assert _known_good(history) == []
    assert [tenure.version for tenure in history.of(f"{1:064}")] == [1, 4]


def test_what_is_pending_is_so_at_its_place() -> None:
    there = replace(_history((2, None)).events[0].takeover, place="there")
    begun = PromotionEvent("t1", EventType.BEGUN, there)
    history = History((*_history((1, None)).events, begun))
    assert history.at("there").pending == there
    assert history.at("here").pending is None
    unknown = History((*history.events, replace(begun, takeover=replace(there, place=None))))
    assert unknown.at("here").pending == unknown.at("there").pending == replace(there, place=None)


def test_before_the_first_promotion_there_is_nobody() -> None:
    assert (History().champion, History().pending, History().known_good, History().tenures) == (
        None,
        None,
        (),
        (),
    )


def test_each_time_ends_when_the_next_begins() -> None:
    first, second = _history((1, None), (2, REPLACED)).tenures
    assert (first.version, first.since, first.until, first.ended) == (1, "t0", "t1", REPLACED)
    assert (second.version, second.since, second.until, second.ended) == (2, "t1", None, None)


def test_one_returns_to_what_is_known_good_not_to_the_previous_number() -> None:
    rolled_back = _history((1, None), (2, REPLACED), (3, REPLACED), (2, ROLLED_BACK))
    assert _known_good(rolled_back) == [1]
    died = _history((1, None), (2, REPLACED), (4, FAILED))
    assert _known_good(died) == [1]


def test_a_second_chance_counts() -> None:
    again = _history(
        (1, None),
        (2, REPLACED),
        (1, ROLLED_BACK),
        (2, REPLACED),
        (3, REPLACED),
    )
    assert _known_good(again) == [2, 1]


def test_what_failed_or_only_began_never_served() -> None:
    history = _history((1, None))
    takeover = replace(history.events[0].takeover, version=2, previous_outcome=REPLACED)
    begun = History((*history.events, PromotionEvent("t1", EventType.BEGUN, takeover)))
    failed = History((*begun.events, PromotionEvent("t2", EventType.FAILED, takeover, "it did not start")))
    assert (begun.pending, failed.pending) == (takeover, None)
    assert begun.tenures == failed.tenures == history.tenures


def test_why_it_ended_is_told_with_the_end() -> None:
    entries = _history((1, None), (2, REPLACED), (1, ROLLED_BACK)).events
    why = replace(entries[2].takeover, reason="takes coats for shirts")
    history = History((*entries[:2], replace(entries[2], takeover=why)))
    assert format_tenures(history.of(f"{2:064}")).startswith(
        "rolled back (takes coats for shirts) on t2 after serving since t1"
    )


def test_times_are_told_latest_first() -> None:
    history = _history((1, None), (2, REPLACED), (1, ROLLED_BACK))
    assert (
        format_tenures(history.of(f"{1:064}"))
        == "champion since t2, by ada; replaced on t1 after serving since t0, by ada"
    )
    assert format_tenures(history.of(f"{7:064}")) == ""


def test_a_version_has_one_status() -> None:
    history = _history((1, None), (2, REPLACED), (3, ROLLED_BACK), (4, FAILED))
    assert [status(history.of(f"{version:064}")) for version in range(1, 6)] == [
        "replaced",
        "rolled back",
        "failed",
        "champion",
        "",
    ]


def test_a_deployment_serves_and_changes_no_champion() -> None:
    history = _history((1, None))
    takeover = replace(history.events[0].takeover, version=2, kind=TakeoverKind.DEPLOYMENT)
    deployed = History((*history.events, PromotionEvent("t1", EventType.SERVES, takeover)))
    assert deployed.tenures == history.tenures
    assert deployed.serving == takeover
    assert history.serving == history.events[0].takeover
    assert History().serving is None


_ENDS = st.sampled_from(TenureOutcome)


@given(st.lists(st.tuples(st.integers(1, 5), _ENDS), max_size=12))
def test_whom_to_return_to(steps: list[tuple[int, TenureOutcome]]) -> None:
    served = [(version, ends if at else None) for at, (version, ends) in enumerate(steps)]
    history = _history(*served)
    assert [tenure.version for tenure in history.tenures] == [version for version, _ in steps]
    assert sum(tenure.until is None for tenure in history.tenures) == min(1, len(steps))
    for tenure in history.known_good:
        assert history.champion is not None
        assert tenure.version != history.champion.version
        assert history.of(tenure.bundle_sha256)[-1] == tenure
        assert tenure.ended is REPLACED
