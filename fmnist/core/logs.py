"""Log lines of jobs and servers: text, or one JSON object a line.

Library modules only ask ``logging`` for a logger; entry points without a terminal call ``configure``. Not by
python-json-logger: the serving environment's lock does not have it.
"""

import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType

from fmnist.errors import ConfigError, mask_passwords

VARIABLE = "FMNIST_LOG_FORMAT"

_ids: dict[str, str] = {}


def configure(environ: Mapping[str, str] = os.environ) -> None:
    """Send this process's log to stderr, in the format that ``FMNIST_LOG_FORMAT`` names.

    Lines of fmnist come from level INFO on, those of libraries from WARNING on.

    Raises:
        ConfigError: the format is neither text nor json.
    """
    form = environ.get(VARIABLE) or "text"
    if form not in ("text", "json"):
        raise ConfigError(f"{VARIABLE}: expected text or json, got {form!r}")
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if form == "json" else _TextFormatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("fmnist").setLevel(logging.INFO)


def bind(**ids: str | int) -> None:
    """Add ids, such as ``data_commit``, ``run`` or ``version``, to all further JSON lines of this process."""
    _ids.update({name: str(value) for name, value in ids.items()})


def mask_tracebacks() -> None:
    """Let an unexpected error's traceback show no password of a URL."""
    sys.excepthook = _print_masked


def _print_masked(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stderr.write(mask_passwords("".join(traceback.format_exception(kind, error, trace))))


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return mask_passwords(super().format(record))


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: time (UTC), level, logger, message, and the bound ids."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_ids,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return mask_passwords(json.dumps(line, ensure_ascii=False))
