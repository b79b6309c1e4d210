import pytest

from fmnist.core.names import folder_name


@pytest.mark.parametrize(
    ("name", "folder"),
    [("fmnist-const", "fmnist-const"), ("../../escaped", "escaped"), ("a b/c", "a-b-c"), ("..", "unnamed")],
)
def test_a_name_becomes_one_folder(name: str, folder: str) -> None:
    assert folder_name(name) == folder


@pytest.mark.parametrize("letter", ["n", "ü", "字"])
def test_a_long_name_is_cut_and_stays_its_own(letter: str) -> None:
    one, other = (folder_name(letter * count) for count in (300, 301))
    assert one != other
    assert one.startswith(letter * 30)
    assert all(len(name.encode()) <= 120 for name in (one, other))
