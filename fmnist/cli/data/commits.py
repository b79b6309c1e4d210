"""``fmnist data``: raw files into commits, and commits into files."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fmnist.cli.console import as_json, pass_settings, print_json, print_table, say, working
from fmnist.core.fashion_mnist import SPLITS
from fmnist.data.base import BRANCH, Commit, DataStore
from fmnist.data.commits import check_out, newest_commit
from fmnist.data.diff import Diff
from fmnist.data.diff import diff as compare
from fmnist.data.fetch import fetch as fetch_both
from fmnist.data.incoming import gathered
from fmnist.data.quality import Inspection, remarks
from fmnist.wiring import data_store

if TYPE_CHECKING:
    from fmnist.settings import Settings

_NOTES_SHOWN = 20
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    help="Folder or zip with the files; no other place is searched then.",
)
@as_json
@pass_settings
def fetch(settings: "Settings", source: Path | None, as_json: bool) -> None:
    """Find Fashion-MNIST and commit both splits.

    Looks in --source or FMNIST_SOURCE; else in the cache, Keras's cache, and on the web.
    Takes IDX files (gzipped or not) and Kaggle's CSV files.

    \b
    Examples:
      fmnist data fetch
      fmnist data fetch --source ~/Downloads/fashion-mnist
    """
    if source:
        settings = settings.model_copy(update={"source": source.absolute()})
    store = data_store(settings)
    before = [newest_commit(store, split.repo) for split in SPLITS]
    commits = list(fetch_both(settings, store, say))
    _remark(store, before, commits)
    _print_commits(commits, as_json)


@click.command()
@click.argument("repo")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-m", "--message", default="", help="What changed, for the log.")
@as_json
@pass_settings
def put(settings: "Settings", repo: str, paths: tuple[Path, ...], message: str, as_json: bool) -> None:
    """Make files, or a folder's files, the whole new content of REPO.

    Images and labels are read first, as training reads them, and refused if they are broken, or missing
    in the splits' repos; a zip is opened. Links, hidden, backup and other programs' files in folders and
    zips are left out, and named. The counts, and what would keep the images from training (unequal
    classes, duplicates, images of the other split), are shown.

    \b
    Examples:
      fmnist data put fmnist-train-raw ./new-season -m "autumn pictures"
      fmnist data put fmnist-train-raw ~/Downloads/archive.zip
      fmnist data put shoes images-idx3-ubyte.gz labels-idx1-ubyte.gz
    """
    message = message or f"From {', '.join(str(path) for path in paths)}"
    store = data_store(settings)
    with gathered(repo, paths) as incoming:
        _say_some(incoming.notes)
        with working(f"putting into {repo}"):
            before, commit = newest_commit(store, repo), store.put(repo, incoming.files, message)
    _remark(store, [before], [commit])
    _print_commits([commit], as_json)


@click.command()
@click.argument("repo")
@as_json
@pass_settings
def log(settings: "Settings", repo: str, as_json: bool) -> None:
    """List the commits of REPO, newest first.

    \b
    Example:
      fmnist data log fmnist-train-raw
    """
    _print_commits(data_store(settings).log(repo), as_json)


@click.command()
@click.argument("repo")
@click.argument("a", required=False)
@click.argument("b", default=BRANCH)
@as_json
@pass_settings
def diff(settings: "Settings", repo: str, a: str | None, b: str, as_json: bool) -> None:
    """Show what changed in REPO from commit A to B: the last change unless named.

    \b
    Examples:
      fmnist data diff fmnist-train-raw
      fmnist data diff fmnist-train-raw 1f3a9c 7be210
    """
    store = data_store(settings)
    new = store.get(repo, b)
    old_ref = a or new.parent
    old = store.get(repo, old_ref) if old_ref else None
    found = compare(store, old, new)
    print_json(_diff_document(found)) if as_json else _print_diff(found)


@click.command()
@click.argument("repo")
@click.argument("ref", default=BRANCH)
@click.option("--to", "folder", required=True, type=_FOLDER, help="Folder to write; new or empty.")
@as_json
@pass_settings
def checkout(settings: "Settings", repo: str, ref: str, folder: Path, as_json: bool) -> None:
    """Write the files of a commit into a folder: all of them or none.

    \b
    Examples:
      fmnist data checkout fmnist-test-raw --to /tmp/test-data
      fmnist data checkout fmnist-test-raw 1f3a9c --to /tmp/older
    """
    store = data_store(settings)
    commit = store.get(repo, ref)
    check_out(store, commit, folder)
    say(f"{folder}: {len(commit.files)} files of {repo}@{commit.id}")
    _print_commits([commit], as_json)


def _say_some(notes: Sequence[str]) -> None:
    for note in notes[:_NOTES_SHOWN]:
        say(note)
    if len(notes) > _NOTES_SHOWN:
        say(f"and {len(notes) - _NOTES_SHOWN} more of this kind")


def _remark(store: DataStore, before: Sequence[Commit | None], after: Sequence[Commit]) -> None:
    for commit in after:
        lines = [f"{commit.repo}: unchanged, no new commit"] if commit in before else remarks(store, commit)
        for line in lines:
            say(line)


def _print_commits(commits: list[Commit], as_json: bool) -> None:
    if as_json:
        print_json([_document(commit) for commit in commits])
        return
    for repo, of_repo in groupby(commits, key=lambda commit: commit.repo):
        rows = [
            (
                commit.id[:12],
                f"{commit.created:%Y-%m-%d\u00a0%H:%M}",
                commit.origin,
                _size(sum(file.size for file in commit.files)),
                commit.message,
            )
            for commit in of_repo
        ]
        print_table(("commit", "created (UTC)", "origin", "size", "message"), rows, title=repo)


def _document(commit: Commit) -> dict[str, Any]:
    return asdict(commit) | {"created": commit.created.isoformat(), "origin": commit.origin}


def _diff_document(diff: Diff) -> dict[str, Any]:
    return {
        "repo": diff.new.repo,
        "from": diff.old.id if diff.old else None,
        "to": diff.new.id,
        "files": [asdict(change) for change in diff.files],
        "contents": {"from": diff.was and asdict(diff.was), "to": diff.now and asdict(diff.now)},
    }


def _print_diff(diff: Diff) -> None:
    title = f"{diff.new.repo}: {diff.old.id[:12] if diff.old else 'nothing'} → {diff.new.id[:12]}"
    rows = [(item.change, item.name, _size(item.old_size), _size(item.new_size)) for item in diff.files]
    print_table(("change", "file", "old", "new"), rows or [("none", "", "", "")], title=title)
    if diff.was is None and diff.now is None:
        return
    before, after = diff.was or Inspection(0, {}, 0), diff.now or Inspection(0, {}, 0)
    counts = [("all images", before.images, after.images)]
    for name in after.per_class or before.per_class:
        counts.append((name, before.per_class.get(name, 0), after.per_class.get(name, 0)))
    print_table(("images", "old", "new", "change"), [(*row, f"{row[2] - row[1]:+d}") for row in counts])


def _size(size: int | None) -> str:
    if size is None:
        return "-"
    return (
        f"{size / 1e6:.1f}\u00a0MB"
        if size >= 1e6
        else f"{size / 1e3:.1f}\u00a0kB"
        if size >= 1e3
        else f"{size}\u00a0B"
    )
