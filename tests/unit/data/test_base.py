import pytest

from fmnist.data.base import full_id
from fmnist.errors import NotFoundError

IDS = ("1f3a9c" + "0" * 34, "1f3a9d" + "0" * 34, "7be210" + "0" * 34)


@pytest.mark.parametrize("beginning", ["1f3a9c", "1f3a9c00", IDS[0]])
def test_a_beginning_stands_for_the_only_id_that_has_it(beginning: str) -> None:
    assert full_id("shoes", beginning, [*IDS, IDS[0]]) == IDS[0]


def test_a_beginning_of_several_ids_names_them() -> None:
    with pytest.raises(NotFoundError, match=rf"shoes: 2 commits begin with 1f3a9 \({IDS[0]}, {IDS[1]}\)"):
        full_id("shoes", "1f3a9", IDS)


def test_a_beginning_of_no_id_says_where_to_look() -> None:
    with pytest.raises(NotFoundError, match=r"no commits begin with abc.*fmnist data log shoes"):
        full_id("shoes", "abc", IDS)
