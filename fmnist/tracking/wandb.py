"""Weights & Biases as tracker of trainings: an experiment is a project there.

Its own variables say where to and as whom: WANDB_API_KEY, WANDB_BASE_URL, WANDB_ENTITY;
WANDB_MODE=offline keeps everything in the home folder until ``wandb sync``.
"""

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fmnist.core.names import folder_name
from fmnist.errors import UnavailableError
from fmnist.settings import Settings
from fmnist.tracking.base import Decision, EpochReport

_CONNECT_SECONDS = 90


class WandbRun:
    """A ``Run`` in W&B; as a context manager, one that raises ends as failed."""

    def __init__(self, run: Any) -> None:
        """``run`` is a ``wandb.Run``."""
        self._run = run
        # A resumed run continues its steps.
        self._epochs: int = run.step - 1
        self._finished = False

    @classmethod
    def open(
        cls, settings: Settings, experiment: str, name: str | None = None, job: str | None = None
    ) -> Self:
        """Open the run of ``job`` if W&B knows it, else a new one; W&B generates a name if none is given.

        Raises:
            UnavailableError: W&B cannot be reached or refuses the key.
        """
        # Read when wandb is imported, which would otherwise send its own errors to its makers.
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        settings.home.mkdir(parents=True, exist_ok=True)
        with _errors_mapped():
            run = wandb.init(
                project=folder_name(experiment),
                name=name,
                id=job,
                resume="allow" if job and not _offline() else None,
                dir=settings.home,
                reinit="create_new",  # a search has several at a time
                settings=wandb.Settings(silent=True, console="off", init_timeout=_CONNECT_SECONDS),
            )
        return cls(run)

    @property
    def id(self) -> str:
        own: str = self._run.id
        return own

    def start(self, parameters: Mapping[str, Any]) -> None:
        with _errors_mapped():
            self._run.config.update(dict(parameters), allow_val_change=True)

    def report(self, report: EpochReport) -> Decision:
        from PIL import Image
        from wandb import Image as Picture

        if report.epoch <= self._epochs:
            return Decision.CONTINUE
        pictures = {name: Picture(Image.open(io.BytesIO(png))) for name, png in report.pictures.items()}
        with _errors_mapped():
            self._run.log({**report.scalars(), **pictures}, step=report.epoch)
        self._epochs = report.epoch
        return Decision.CONTINUE

    def finish(self, bundle: Path) -> None:
        with _errors_mapped():
            self._run.summary["checkpoint"] = str(bundle)
            self._run.finish()
        self._finished = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._finished:
            return
        with _errors_mapped():
            if error:
                self._run.summary["error"] = str(error) or type(error).__name__
            self._run.finish(exit_code=1)


def _offline() -> bool:
    return os.environ.get("WANDB_MODE") == "offline"


@contextmanager
def _errors_mapped() -> Iterator[None]:
    from wandb.errors import Error

    try:
        yield
    except Error as error:
        raise UnavailableError(
            f"W&B: {error}; set WANDB_API_KEY, or WANDB_MODE=offline to keep runs on this machine"
        ) from error
