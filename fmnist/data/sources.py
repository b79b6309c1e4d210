"""Sources of the raw files: the first place that has all of them, else synthetic images."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fmnist.core.fashion_mnist import KERAS_CACHE, MIRRORS, SPLITS, TEST, TRAIN, OfficialFile, Split
from fmnist.core.progress import Say
from fmnist.data import synthetic
from fmnist.data.archives import is_zip, unzip
from fmnist.data.base import SYNTHETIC_MARKER
from fmnist.data.formats import read_dataset
from fmnist.data.mirrors import NoMirrorError, download
from fmnist.data.quality import inspect
from fmnist.errors import NotFoundError
from fmnist.files.atomic import sha256_of
from fmnist.files.lock import only_writer
from fmnist.settings import Settings

_ALL = (*TRAIN.files, *TEST.files)
_LOCK_SECONDS = 900.0


@dataclass(frozen=True)
class Places:
    """Places to look in, in this order. With a ``source`` no other place is searched."""

    source: Path | None
    cache: Path
    keras: Path
    mirrors: Sequence[str]


@dataclass(frozen=True)
class RawFiles:
    """The files to commit, by name.

    Attributes:
        origin: ``official``, ``custom`` or ``synthetic``.
        where: the folder, for people.
    """

    origin: str
    where: str
    train: Mapping[str, Path]
    test: Mapping[str, Path]


def places(settings: Settings, environ: Mapping[str, str] = os.environ) -> Places:
    """The usual places for these settings."""
    keras_home = Path(environ.get("KERAS_HOME") or Path.home() / ".keras")
    return Places(
        source=settings.source,
        cache=settings.cache,
        keras=keras_home / KERAS_CACHE,
        mirrors=MIRRORS,
    )


def find(places: Places, say: Say, scratch: Path) -> RawFiles:
    """The raw files of both splits.

    Args:
        places: where to look.
        say: takes lines of progress.
        scratch: an empty folder, into which a source that is a zip is unpacked.

    Raises:
        NotFoundError: the named source lacks a split.
        DataError: a file in the named source cannot be read.
        UnavailableError: the cache cannot be written.
    """
    if places.source and places.source.is_file() and is_zip(places.source):
        unzip(places.source, scratch)
        return replace(_from_source(scratch, say), where=str(places.source))
    if places.source:
        return _from_source(places.source, say)
    for folder in (places.cache, places.keras):
        if _has_official(folder, say):
            return _official(folder)
    return _fetched(places, say)


def _fetched(places: Places, say: Say) -> RawFiles:
    with only_writer(places.cache / ".lock", _LOCK_SECONDS, f"the cache {places.cache}"):
        try:
            say("Fashion-MNIST is not on this machine: downloading 31 MB")
            download(_ALL, places.cache, places.mirrors, say)
        except NoMirrorError as error:
            return _synthetic(places, str(error), say)
    return _official(places.cache)


def _synthetic(places: Places, reason: str, say: Say) -> RawFiles:
    looked = ", ".join(str(folder) for folder in (places.cache, places.keras))
    for line in (
        "!" * 78,
        "!!  NOT FASHION-MNIST: synthetic images are used instead (dataset=synthetic everywhere).",
        "!!  Metrics measured on them say nothing about Fashion-MNIST.",
        f"!!  Looked in: {looked}",
        f"!!  Download: {reason}",
        "!!  Have the four files? fmnist data fetch --source FOLDER, or set FMNIST_SOURCE.",
        "!" * 78,
    ):
        say(line)
    folder = places.cache / f"synthetic-{synthetic.VERSION}"
    if not synthetic.is_whole(folder):
        synthetic.write(folder)
    marker = {SYNTHETIC_MARKER: folder / SYNTHETIC_MARKER}
    train, test = ({file.name: folder / file.name for file in split.files} | marker for split in SPLITS)
    return RawFiles("synthetic", str(folder), train, test)


def _official(folder: Path) -> RawFiles:
    train, test = ({file.name: folder / file.name for file in split.files} for split in SPLITS)
    return RawFiles("official", str(folder), train, test)


def _has_official(folder: Path, say: Say) -> bool:
    """Whether all four are there, byte for byte."""
    paths = [(folder / file.name, file) for file in _ALL]
    if not all(path.is_file() for path, _ in paths):
        return False
    wrong = [path.name for path, file in paths if sha256_of(path) != file.sha256]
    if wrong:
        say(f"{folder}: skipped, SHA-256 is not the published one: {', '.join(wrong)}")
    return not wrong


def _from_source(folder: Path, say: Say) -> RawFiles:
    if not folder.is_dir():
        raise NotFoundError(f"source {folder}: no such folder, and no zip")
    found = {split.name: _required_files(folder, split) for split in SPLITS}
    if all(split.is_official({sha256_of(path) for path in found[split.name].values()}) for split in SPLITS):
        return RawFiles("official", str(folder), found[TRAIN.name], found[TEST.name])
    marker = folder / SYNTHETIC_MARKER
    extra = {SYNTHETIC_MARKER: marker} if marker.is_file() else {}
    for split in SPLITS:
        files = found[split.name]
        inspection = inspect(read_dataset({name: path.read_bytes() for name, path in files.items()}))
        say(f"{folder}: {split.name}: {inspection.images} images from {', '.join(files)}")
        if inspection.missing_classes:
            say(f"{folder}: {split.name}: no image of {', '.join(inspection.missing_classes)}")
    origin = "synthetic" if extra else "custom"
    if all((folder / file.name).is_file() for file in _ALL):
        say(f"{folder}: the names are the official ones, the bytes are not: recorded as {origin}")
    return RawFiles(origin, str(folder), found[TRAIN.name] | extra, found[TEST.name] | extra)


def split_files(folder: Path, split: Split) -> dict[str, Path]:
    """The split's IDX pair, gzipped or not, or Kaggle's CSV, under the names that they have; or nothing."""
    pair = [_one_of(folder, _idx_names(file)) for file in split.files]
    table = _one_of(folder, _csv_names(split))
    return {path.name: path for path in (pair if all(pair) else [table]) if path}


def _required_files(folder: Path, split: Split) -> dict[str, Path]:
    chosen = split_files(folder, split)
    if not chosen:
        raise NotFoundError(
            f"source {folder}: no {split.name} data; expected {split.images.name} with {split.labels.name} "
            f"(gzipped or not), or {_csv_names(split)[0]}; it holds "
            f"{', '.join(sorted(path.name for path in folder.iterdir())[:12]) or 'nothing'}"
        )
    return chosen


def _one_of(folder: Path, names: Sequence[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _idx_names(file: OfficialFile) -> tuple[str, ...]:
    plain = file.name.removesuffix(".gz")
    dotted = plain.replace("-idx", ".idx")
    return file.name, plain, f"{dotted}.gz", dotted


def _csv_names(split: Split) -> tuple[str, ...]:
    name = f"fashion-mnist_{split.name}.csv"
    return name, f"{name}.gz"
