"""Errors of the project, by what whoever sees them should do next.

    FmnistError                 exit 1, HTTP 500
    ├── InputError              exit 3, HTTP 400   fix what was sent or given
    │   ├── DataError           exit 4, HTTP 422   fix the data
    │   └── PayloadError        exit 3, HTTP 400   fix the request (may carry a more exact status)
    ├── ConfigError             exit 5, HTTP 500   fix a file, an option or the environment
    │   └── Diverged            exit 12, HTTP 500  lower hyperparameters.optimizer.learning_rate
    ├── NotFoundError           exit 6, HTTP 404   name something that exists
    ├── IntegrityError          exit 7, HTTP 500   do not use it: bytes differ from what was recorded
    ├── GateRefused             exit 8, HTTP 409   improve the model, or override with a reason
    ├── UnavailableError        exit 9, HTTP 503   start it, or try again later
    ├── TimedOut                exit 10, HTTP 504  it took too long
    └── TrainingFailed          exit 11, HTTP 500  read the trial's log, fix the cause, submit again

Exit 0 is done, 1 an unexpected error, 2 wrong usage of the command line.
"""

import re

_PASSWORDS = re.compile(
    r"""
    (?<=://) (?P<user>[^\s/?\#:@\["'<>]*) : (?!\d{2,5}[/?\#]) [^\s"'<>]* @  # but for host:port/x@y
    | (?<=://) [^\s/?\#:@\["'<>]{20,} @  # a token
    | (?<![\w/.:-]) (?P<name>[\w.+-]+) : (?!//) [^\s/"'<>@]+ @ (?!sha256:) (?=[\w\[])  # no scheme
    | (?<=[?&;]) (?P<key>[\w.-]*(?:password|passwd|token|secret|signature|api_?key)[\w.-]*=) [^\s&;"'<>]+
    """,
    re.IGNORECASE | re.VERBOSE,
)


def mask_passwords(text: str) -> str:
    """The text with ``***`` for each password or token in a URL; every ``FmnistError`` applies it.

    >>> from fmnist.errors import mask_passwords
    >>> mask_passwords("http://ada:Gr4nite@example.com/x?token=42: connection failed")
    'http://ada:***@example.com/x?token=***: connection failed'
    """
    return _PASSWORDS.sub(_mask, text)


def _mask(match: re.Match[str]) -> str:
    if match["key"]:
        return f"{match['key']}***"
    user = match["user"] if match["user"] is not None else match["name"]
    return "***@" if user is None else f"{user}:***@"


class FmnistError(Exception):
    """Base of all errors that the project raises on purpose.

    >>> from pathlib import Path
    >>> from fmnist import FmnistError, open_bundle
    >>> try:
    ...     open_bundle(Path("nowhere"))
    ... except FmnistError as error:
    ...     print(error, error.exit_code, error.http_status)
    nowhere: no checkpoint bundle here (metadata.json is missing) 6 404

    Attributes:
        exit_code: of the process, 1-12.
        http_status: of a response, 400-599.
    """

    exit_code: int = 1
    http_status: int = 500

    def __init__(self, *args: object) -> None:
        super().__init__(*(mask_passwords(arg) if isinstance(arg, str) else arg for arg in args))


class InputError(FmnistError):
    """Unusable input."""

    exit_code = 3
    http_status = 400


class DataError(InputError):
    """Unusable content of a data file."""

    exit_code = 4
    http_status = 422


class PayloadError(InputError):
    """Unreadable prediction request.

    Args:
        message: for people.
        reason: for machines, a constant such as ``BAD_SHAPE``.
        http_status: a more exact one than 400.
    """

    def __init__(self, message: str, *, reason: str = "BAD_PAYLOAD", http_status: int = 400) -> None:
        super().__init__(message)
        self.reason = reason
        self.http_status = http_status


class ConfigError(FmnistError):
    """Wrong configuration file, option or environment variable."""

    exit_code = 5


class Diverged(ConfigError):
    """A loss or metric of a training that is not finite."""

    exit_code = 12

    def __init__(self, epoch: int, step: int, name: str, value: float) -> None:
        # All arguments, so that worker processes can send it to their parent.
        super().__init__(epoch, step, name, value)

    def __str__(self) -> str:
        epoch, step, name, value = self.args
        return f"epoch {epoch}, step {step}: {name} is {value}; lower hyperparameters.optimizer.learning_rate"


class NotFoundError(FmnistError):
    """Missing repo, commit, checkpoint, version or file."""

    exit_code = 6
    http_status = 404


class IntegrityError(FmnistError):
    """Bytes that differ from their recorded size or SHA-256."""

    exit_code = 7


class GateRefused(FmnistError):
    """Model version that breaks at least one rule of the gate."""

    exit_code = 8
    http_status = 409


class UnavailableError(FmnistError):
    """Unreachable server, port, store or download."""

    exit_code = 9
    http_status = 503


class TimedOut(FmnistError):
    """Operation that did not finish before its deadline."""

    exit_code = 10
    http_status = 504


class TrainingFailed(FmnistError):
    """Experiment on a cluster that ended without a checkpoint."""

    exit_code = 11
