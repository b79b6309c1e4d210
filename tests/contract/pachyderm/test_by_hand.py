"""Data that people put with pachctl, without sums, is read like our own."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import replace

import pytest

from fmnist.core.fashion_mnist import TRAIN
from fmnist.data.commits import load
from fmnist.data.formats.idx import write_idx
from fmnist.data.pachyderm.store import PachydermStore
from tests.support.drawing import csv_of, same, some_data
from tests.support.files import Files
from tests.support.pachd.target import Target

IMAGES, LABELS = write_idx(some_data(20).images), write_idx(some_data(20).labels)


@pytest.mark.parametrize(
    "contents",
    [
        {"train-images-idx3-ubyte.gz": IMAGES, "train-labels-idx1-ubyte.gz": LABELS},
        {
            "fmnist-train-raw/train-images-idx3-ubyte": gzip.decompress(IMAGES),
            "fmnist-train-raw/train-labels-idx1-ubyte": gzip.decompress(LABELS),
            "fmnist-train-raw/README.md": b"# Mine",
        },
        {"deep/er/fashion-mnist_train.csv": csv_of(some_data(20))},
        {"x.csv.gz": gzip.compress(csv_of(some_data(20)))},
    ],
    ids=["idx.gz", "idx in a folder", "csv in a folder", "csv.gz"],
)
def test_it_is_a_data_set_with_computed_sums(
    target: Target, store: PachydermStore, repo: str, contents: Mapping[str, bytes]
) -> None:
    id_ = target.put_by_hand(**contents)
    commit = store.get(repo)
    assert (commit.id, commit.message, commit.origin) == (id_, "", "custom")
    assert {file.name: file.sha256 for file in commit.files} == {
        name: hashlib.sha256(content).hexdigest() for name, content in contents.items()
    }
    assert same(load(store, commit), some_data(20))


def test_official_files_are_recognised(
    target: Target, store: PachydermStore, repo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = (
        replace(file, size=len(content), sha256=hashlib.sha256(content).hexdigest())
        for file, content in zip(TRAIN.files, (IMAGES, LABELS), strict=True)
    )
    monkeypatch.setattr("fmnist.data.base.SPLITS", (replace(TRAIN, images=images, labels=labels),))
    target.put_by_hand(**{f"some/{TRAIN.images.name}": IMAGES, f"some/{TRAIN.labels.name}": LABELS})
    assert store.get(repo).origin == "official"


def test_sums_are_computed_once(target: Target, repo: str) -> None:
    calls = target.server.gate.calls
    target.put_by_hand(a=b"1" * 1000)
    first = target.store().get(repo)
    assert calls["GetFile"] == 1
    assert target.store().get(repo) == first
    target.put_by_hand(b=b"2")
    target.put_by_hand(c=b"1" * 1000)
    assert len(target.store().log(repo)) == 3
    assert calls["GetFile"] == 2


def test_files_put_over_ours_make_its_sums_stale(
    target: Target, store: PachydermStore, repo: str, files: Files
) -> None:
    ours = store.put(repo, files(a=b"1", b=b"2"), "ours")
    target.put_by_hand(a=b"3")
    target.put_by_hand()
    for commit in (target.store().get(repo), target.store().log(repo)[0]):
        assert [(file.name, file.sha256) for file in commit.files] == [
            ("a", hashlib.sha256(b"3").hexdigest()),
            ("b", hashlib.sha256(b"2").hexdigest()),
        ]
        assert (commit.message, store.read(commit, "a")) == ("", b"3")
    assert store.get(repo, ours.id) == ours
    target.put_by_hand(a=b"1")
    assert target.store().get(repo).files == ours.files


def test_a_description_of_theirs_is_the_message(target: Target, store: PachydermStore, repo: str) -> None:
    client = target.client
    client.create_repo(repo)
    commit = client.start_commit(repo, "master", description="autumn")
    client.finish_commit(commit)
    client.wait_commit((repo, commit.id))
    assert store.get(repo).message == "autumn"
