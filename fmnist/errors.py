"""The project's errors, by what the person in front of them should do next.

    FmnistError                 exit 1, HTTP 500
    ├── InputError              exit 3, HTTP 400   fix what was sent or given
    │   ├── DataError           exit 4, HTTP 422   fix the data
    │   └── PayloadError        exit 3, HTTP 400   fix the request (may carry a more exact status)
    ├── ConfigError             exit 5, HTTP 500   fix a file, an option or the environment
    │   └── Diverged            exit 12, HTTP 500  lower hyperparameters.optimizer.learning_rate
    ├── NotFoundError           exit 6, HTTP 404   name something that exists
    ├── IntegrityError          exit 7, HTTP 500   do not trust it: bytes are not what was recorded
    ├── GateRefused             exit 8, HTTP 409   the model is not good enough
    ├── UnavailableError        exit 9, HTTP 503   start it, or try again later
    ├── TimedOut                exit 10, HTTP 504  it took too long
    └── TrainingFailed          exit 11, HTTP 500  read the trial's log, mend it, submit again

Exit 0 is done, 1 an unexpected error, 2 wrong usage of the command line.
"""

from typing import ClassVar


class FmnistError(Exception):
    """Base of all errors that the project raises on purpose."""

    exit_code: ClassVar[int] = 1
    http_status: int = 500


class InputError(FmnistError):
    """What was given cannot be used."""

    exit_code = 3
    http_status = 400


class DataError(InputError):
    """A data file does not hold what it should."""

    exit_code = 4
    http_status = 422


class PayloadError(InputError):
    """A prediction request cannot be read; ``reason`` is a stable word for machines."""

    def __init__(self, message: str, *, reason: str = "BAD_PAYLOAD", http_status: int = 400) -> None:
        super().__init__(message)
        self.reason = reason
        self.http_status = http_status


class ConfigError(FmnistError):
    """A configuration file, option or environment variable is wrong."""

    exit_code = 5


class Diverged(ConfigError):
    """A training's loss or metric is no finite number any more."""

    exit_code = 12

    def __init__(self, epoch: int, step: int, name: str, value: float) -> None:
        super().__init__(
            f"epoch {epoch}, step {step}: {name} is {value}; lower hyperparameters.optimizer.learning_rate"
        )


class NotFoundError(FmnistError):
    """A repo, commit, checkpoint, version or file does not exist."""

    exit_code = 6
    http_status = 404


class IntegrityError(FmnistError):
    """Bytes differ from their recorded size or SHA-256."""

    exit_code = 7


class GateRefused(FmnistError):
    """A model version broke at least one rule of the gate."""

    exit_code = 8
    http_status = 409


class UnavailableError(FmnistError):
    """A server, port, store or download could not be reached."""

    exit_code = 9
    http_status = 503


class TimedOut(FmnistError):
    """Something did not finish before its deadline."""

    exit_code = 10
    http_status = 504


class TrainingFailed(FmnistError):
    """An experiment on a cluster ended without what it was to give."""

    exit_code = 11
