from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fmnist.catalogue.history import End, Entry, Event, History, Takeover, told


def _history(*served: tuple[int, End | None]) -> History:
    """Versions in the order they served, each with how it ended the one before."""
    return History(
        tuple(
            Entry(f"t{at}", Event.SERVES, Takeover(version, f"{version:064}", "ada", None, ends))
            for at, (version, ends) in enumerate(served)
        )
    )


def test_before_the_first_promotion_there_is_nobody() -> None:
    assert (History().champion, History().pending, History().served_well, History().tenures) == (
        None,
        None,
        (),
        (),
    )


def test_each_time_ends_when_the_next_begins() -> None:
    first, second = _history((1, None), (2, End.REPLACED)).tenures
    assert (first.version, first.since, first.until, first.ended) == (1, "t0", "t1", End.REPLACED)
    assert (second.version, second.since, second.until, second.ended) == (2, "t1", None, None)


def test_one_returns_to_what_served_well_not_to_the_previous_number() -> None:
    rolled_back = _history((1, None), (2, End.REPLACED), (3, End.REPLACED), (2, End.ROLLED_BACK))
    assert rolled_back.served_well == (1,)
    died = _history((1, None), (2, End.REPLACED), (4, End.FAILED))
    assert died.served_well == (1,)


def test_a_second_chance_counts() -> None:
    again = _history((1, None), (2, End.REPLACED), (1, End.ROLLED_BACK), (2, End.REPLACED), (3, End.REPLACED))
    assert again.served_well == (2, 1)


def test_what_failed_or_only_began_never_served() -> None:
    history = _history((1, None))
    takeover = replace(history.entries[0].takeover, version=2, ends=End.REPLACED)
    begun = History((*history.entries, Entry("t1", Event.BEGUN, takeover)))
    failed = History((*begun.entries, Entry("t2", Event.FAILED, takeover, "it did not start")))
    assert (begun.pending, failed.pending) == (takeover, None)
    assert begun.tenures == failed.tenures == history.tenures


def test_why_it_ended_is_told_with_the_end() -> None:
    entries = _history((1, None), (2, End.REPLACED), (1, End.ROLLED_BACK)).entries
    why = replace(entries[2].takeover, reason="takes coats for shirts")
    history = History((*entries[:2], replace(entries[2], takeover=why)))
    assert told(history.of(2)).startswith("rolled back (takes coats for shirts) on t2 after serving since t1")


def test_times_are_told_latest_first() -> None:
    history = _history((1, None), (2, End.REPLACED), (1, End.ROLLED_BACK))
    assert told(history.of(1)) == "champion since t2, by ada; replaced on t1 after serving since t0, by ada"
    assert told(history.of(7)) == ""


_ENDS = st.sampled_from(End)


@given(st.lists(st.tuples(st.integers(1, 5), _ENDS), max_size=12))
def test_whom_to_return_to(steps: list[tuple[int, End]]) -> None:
    served = [(version, ends if at else None) for at, (version, ends) in enumerate(steps)]
    history = _history(*served)
    assert [tenure.version for tenure in history.tenures] == [version for version, _ in steps]
    assert sum(tenure.until is None for tenure in history.tenures) == min(1, len(steps))
    for version in history.served_well:
        assert history.champion is not None
        assert version != history.champion.version
        assert history.of(version)[-1].ended is End.REPLACED
