"""Download of the official files: resumed where it stopped, from the first mirror that has them."""

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fmnist.core.fashion_mnist import OfficialFile
from fmnist.core.progress import Say
from fmnist.errors import UnavailableError
from fmnist.files.atomic import sha256_of

if TYPE_CHECKING:
    import requests


CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0
PROBE_SECONDS = 8.0
ATTEMPT_SECONDS = 600.0
ATTEMPTS = 4
BACKOFF_SECONDS = 0.5
_PROGRESS_SECONDS = 2.0
_CHUNK = 1 << 17


def download(files: Sequence[OfficialFile], folder: Path, mirrors: Sequence[str], say: Say) -> None:
    """Bring those of ``files`` that ``folder`` lacks; what is half there as ``*.part`` goes on.

    A file takes its name only once its SHA-256 is the published one.

    Raises:
        UnavailableError: no mirror gave one of the files; what came of it stays for the next time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [file for file in files if not _is_whole(folder / file.name, file)]
    if not missing:
        return
    reachable = _reachable(mirrors, missing[0].name)
    if not reachable:
        raise UnavailableError(
            f"none of the mirrors answered within {PROBE_SECONDS:.0f} s: {', '.join(mirrors)}"
        )
    for file in missing:
        _from_any(file, folder, reachable, say)


def _from_any(file: OfficialFile, folder: Path, mirrors: Sequence[str], say: Say) -> None:
    reasons = []
    for mirror in mirrors:
        try:
            _from_mirror(f"{mirror}/{file.name}", file, folder, say)
        except UnavailableError as error:
            reasons.append(str(error))
            say(f"  {error}")
        else:
            return
    raise UnavailableError(f"{file.name} could not be downloaded: {'; '.join(reasons)}")


def _from_mirror(url: str, file: OfficialFile, folder: Path, say: Say) -> None:
    part = folder / f"{file.name}.part"
    resumed = part.exists()
    _complete(url, file, part, say)
    if resumed and not _is_whole(part, file):
        say(f"  {file.name}: what was there from an earlier try is wrong; from the start")
        part.unlink()
        _complete(url, file, part, say)
    if not _is_whole(part, file):
        part.unlink()
        raise UnavailableError(f"{url}: not the published file (SHA-256 differs); dropped")
    part.replace(folder / file.name)


def _complete(url: str, file: OfficialFile, part: Path, say: Say) -> None:
    """Try until ``part`` has the file's size; an answer that will stay the same ends it early."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(BACKOFF_SECONDS * 2 ** (attempt - 1))
        reason = _attempt(url, file, part, say)
        if reason is None:
            return
    raise UnavailableError(f"{url}: gave up after {ATTEMPTS} attempts: {reason}")


def _attempt(url: str, file: OfficialFile, part: Path, say: Say) -> str | None:
    """One request; None if ``part`` has its full size now, else why it may be tried again.

    Raises:
        UnavailableError: the mirror's answer would be the same again.
    """
    import requests
    import urllib3

    have = part.stat().st_size if part.exists() else 0
    if have > file.size:
        part.unlink()
        have = 0
    if have == file.size:
        return None
    # The bytes are wanted as they are published; an encoding on the way would change them.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with requests.get(
            url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)
        ) as response:
            if reason := _refusal(url, response, part):
                return reason
            start = _start(response)
            if start is None or start not in (0, have):
                part.unlink(missing_ok=True)
                return "it sent another part of the file than was asked for"
            _check_length(url, response, file.size - start)
            _receive(response, file, part, start, say)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        return f"the connection broke ({type(error).__name__})"
    came = part.stat().st_size
    return None if came >= file.size else f"it ended after {came} of {file.size} bytes"


def _refusal(url: str, response: "requests.Response", part: Path) -> str | None:
    status = response.status_code
    if status in (200, 206):
        return None
    if status == 416:
        part.unlink(missing_ok=True)
        return "it refused to go on where the last attempt stopped"
    if status in (408, 429) or status >= 500:
        return f"HTTP {status}"
    raise UnavailableError(f"{url}: HTTP {status}")


def _start(response: "requests.Response") -> int | None:
    """At which byte of the file the answer begins; None if it does not say."""
    if response.status_code == 200:
        return 0
    unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
    start = rest.partition("-")[0]
    return int(start) if unit == "bytes" and start.isdecimal() else None


def _check_length(url: str, response: "requests.Response", expected: int) -> None:
    announced = response.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced) != expected:
        raise UnavailableError(f"{url}: not the published file: {announced} bytes, expected {expected}")


def _receive(response: "requests.Response", file: OfficialFile, part: Path, have: int, say: Say) -> None:
    """Append to the first ``have`` bytes of ``part``; one byte more than the file's size is enough."""
    begun = last = time.monotonic()
    with part.open("ab" if have else "wb") as stream:
        for chunk in _chunks(response):
            have += stream.write(chunk[: file.size + 1 - have])
            if have > file.size or time.monotonic() - begun > ATTEMPT_SECONDS:
                return
            if time.monotonic() - last >= _PROGRESS_SECONDS:
                last = time.monotonic()
                say(f"  {file.name}: {have / 1e6:.1f} of {file.size / 1e6:.1f} MB")


def _chunks(response: "requests.Response") -> Iterator[bytes]:
    chunks: Iterator[bytes] = response.raw.stream(_CHUNK, decode_content=False)
    return chunks


def _is_whole(path: Path, file: OfficialFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size and sha256_of(path) == file.sha256


def _reachable(mirrors: Sequence[str], name: str) -> list[str]:
    """Those that give any answer soon; asked all at once, since a dead network answers slowly.

    The askers are daemons: a name server may hang for longer than a timeout can bound.
    """
    answered: set[str] = set()
    askers = [
        threading.Thread(target=_probe, args=(mirror, name, answered), daemon=True) for mirror in mirrors
    ]
    for asker in askers:
        asker.start()
    deadline = time.monotonic() + PROBE_SECONDS
    for asker in askers:
        asker.join(max(0.0, deadline - time.monotonic()))
    return [mirror for mirror in mirrors if mirror in answered]


def _probe(mirror: str, name: str, answered: set[str]) -> None:
    import requests

    try:
        requests.head(f"{mirror}/{name}", timeout=CONNECT_SECONDS, allow_redirects=False)
    except requests.RequestException:
        return
    answered.add(mirror)
