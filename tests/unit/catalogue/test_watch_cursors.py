from pathlib import Path

import pytest

from fmnist.catalogue.watch_cursors import commit_cursor, version_cursor
from fmnist.errors import InputError, IntegrityError


def test_what_was_written_is_read_in_another_run(tmp_path: Path) -> None:
    commit_cursor(tmp_path, "garments").write(("a", "b"))
    commit_cursor(tmp_path, "garments").write(("b", "c"))
    version_cursor(tmp_path, "garments").write(3)
    assert commit_cursor(tmp_path, "garments").read() == ("b", "c")
    assert version_cursor(tmp_path, "garments").read() == 3
    assert commit_cursor(tmp_path, "shoes").read() is None


def test_a_look_leaves_nothing_behind(tmp_path: Path) -> None:
    assert commit_cursor(tmp_path / "home", "garments").read() is None
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_earlier_versions_counts_until_the_cursor_is_written(tmp_path: Path) -> None:
    for folder, text in (("watch", '["a", "b"]'), ("pipelines", "7")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "shoes.json").write_text(f'{{"schema_version": 1, "seen": {text}}}\n')
    commits, version = commit_cursor(tmp_path, "shoes"), version_cursor(tmp_path, "shoes")
    assert (commits.read(), version.read()) == (("a", "b"), 7)
    commits.write(("c",))
    version.write(8)
    assert (commits.read(), version.read()) == (("c",), 8)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema_version": 2, "seen": []}', '{"schema_version": 1, "seen": [1]}']
)
def test_a_broken_commit_cursor_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "shoes.json").write_text(text)
    cursor = commit_cursor(tmp_path, "shoes")
    with pytest.raises(IntegrityError, match=r"shoes\.json: .*; say where to begin: --from COMMIT"):
        cursor.read()
    cursor.write(())
    assert cursor.read() == ()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"schema_version": 1, "seen": -1}', '{"seen": 1}', "\udcff"]
)
def test_a_damaged_version_cursor_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "shoes.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(IntegrityError, match=r"shoes\.json: not a SeenVersion .*--from VERSION"):
        version_cursor(tmp_path, "shoes").read()


def test_a_name_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="data repo"):
        commit_cursor(tmp_path, "../shoes")
    with pytest.raises(InputError, match="model name"):
        version_cursor(tmp_path, "../shoes")
