"""Download of the official files by pooch, from the first mirror that has them."""

import time
from collections.abc import Sequence
from pathlib import Path

from fmnist.core.fashion_mnist import OfficialFile
from fmnist.core.progress import Say
from fmnist.errors import UnavailableError
from fmnist.files.atomic import disk_errors, sync

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0
ATTEMPT_SECONDS = 600.0
PAUSE_SECONDS = 1.0
_ROUNDS = 3
_PROGRESS_SECONDS = 2.0
_BUFFERS = 1 << 20


class NoMirrorError(UnavailableError):
    """File that no mirror gave."""


class _Progress:
    """Progress of one file, as pooch calls it; ends a transfer that is too long or too slow.

    Attributes:
        total: bytes announced by the server, 0 if unknown; set by pooch.
    """

    def __init__(self, file: OfficialFile, say: Say) -> None:
        self.total = 0
        self._file = file
        self._say = say
        self._received = 0
        self._started = self._last_said = time.monotonic()

    def update(self, size: int) -> None:
        # pooch tells the size of its buffer, of which a chunk may fill a part only.
        self._received += size
        if self.total not in (0, self._file.size) or self._received > 2 * self._file.size + _BUFFERS:
            raise ValueError(f"{self.total or 'too many'} bytes, the published file has {self._file.size}")
        now = time.monotonic()
        if now - self._started > ATTEMPT_SECONDS:
            raise TimeoutError(f"not complete after {ATTEMPT_SECONDS:.0f} s")
        if now - self._last_said >= _PROGRESS_SECONDS:
            self._last_said = now
            self._say(f"  {self._file.name}: {self._received / 1e6:.1f} of {self._file.size / 1e6:.1f} MB")

    def reset(self) -> None:
        # pooch fills the bar up at the end of a download.
        self._received = 0

    def close(self) -> None:
        pass


def download(files: Sequence[OfficialFile], folder: Path, mirrors: Sequence[str], say: Say) -> None:
    """Fetch those of ``files`` that ``folder`` lacks; only the published bytes, by SHA-256, are kept.

    Raises:
        NoMirrorError: no mirror gave one of the files.
        UnavailableError: the folder cannot be written.
    """
    for file in files:
        _from_any(file, folder, mirrors, say)


def _from_any(file: OfficialFile, folder: Path, mirrors: Sequence[str], say: Say) -> None:
    """Try all mirrors, then again those that responded: a failing server may recover, a dead network not."""
    import requests

    remaining, reasons = list(mirrors), dict.fromkeys(mirrors, "not tried")
    for number in range(_ROUNDS):
        time.sleep(PAUSE_SECONDS * number if remaining else 0)
        for mirror in tuple(remaining):
            try:
                _retrieve(f"{mirror}/{file.name}", file, folder, say)
            except (ValueError, OSError) as error:
                reasons[mirror] = str(error)
                say(f"  {mirror}/{file.name}: {error}")
                if isinstance(error, requests.ConnectionError) or _is_missing(error):
                    remaining.remove(mirror)
            else:
                return
    listing = "; ".join(f"{mirror}: {reason}" for mirror, reason in reasons.items()) or "no mirrors"
    raise NoMirrorError(f"{file.name} could not be downloaded: {listing}")


def _retrieve(url: str, file: OfficialFile, folder: Path, say: Say) -> None:
    import pooch  # type: ignore[import-untyped, unused-ignore]

    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(
        progressbar=_Progress(file, say),
        timeout=(CONNECT_SECONDS, READ_SECONDS),
        # The bytes are wanted as they are published; an encoding on the way would change them.
        headers={"Accept-Encoding": "identity"},
    )
    with disk_errors(folder / file.name):
        pooch.retrieve(url, f"sha256:{file.sha256}", fname=file.name, path=folder, downloader=downloader)
        sync(folder / file.name)
        sync(folder)


def _is_missing(error: Exception) -> bool:
    """Whether the server says that it does not have the file."""
    status = getattr(getattr(error, "response", None), "status_code", 0)
    return 400 <= status < 500 and status not in (408, 429)
