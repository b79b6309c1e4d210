"""Experiment file of a study's best trial, for one full training."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from fmnist.errors import ConfigError
from fmnist.experiments import SINGLE, Experiment, Single, load_experiment
from fmnist.files.atomic import write_atomically
from fmnist.search.resources import trial_seed
from fmnist.search.study_folder import StudyRecord
from fmnist.search.trial import Trial

_ORIGIN = "# From study "
_WIDTH = 110


def write_const(path: Path, study: StudyRecord, trial: Trial) -> None:
    """Write a file that trains ``trial`` again, by ``fmnist train`` or ``det experiment create``.

    Hyperparameters, searcher and seed are the trial's, so that with the same number of threads the
    result is the same model; other fields and comments of an existing file stay. The file is replaced
    atomically.

    Raises:
        ConfigError: ``path`` is a file with another searcher, or not an experiment file.
    """
    content = _content_of(path)
    content.setdefault("name", f"{study.name}-const")
    content.setdefault("entrypoint", "python3 -m fmnist.jobs.train")
    _update(content, "hyperparameters", trial.hyperparameters)
    _update(content, "searcher", SINGLE)
    seed = trial_seed(study.experiment.reproducibility.experiment_seed, trial.id)
    _update(content, "reproducibility", {"experiment_seed": seed})
    Experiment.model_validate(_plain(content))
    write_atomically(path, "\n".join([*_header(path), _origin(study, trial), *_body(content)]) + "\n")


def _content_of(path: Path) -> Any:
    if not path.exists():
        return _yaml().load("{}")
    if not isinstance(load_experiment(path).searcher, Single):
        raise ConfigError(
            f"{path}: is a file that searches, and is not overwritten; name another: --write-const FILE"
        )
    return _yaml().load(path.read_text())


def _origin(study: StudyRecord, trial: Trial) -> str:
    accuracy = "no accuracy" if trial.metric is None else f"validation accuracy {trial.metric:.4f}"
    return f"{_ORIGIN}{study.name}, trial {trial.id}: {accuracy} after {trial.epochs} epochs on {study.data}"


def _header(path: Path) -> list[str]:
    """Comment at the top of a file, without the line about an earlier study."""
    if not path.exists():
        return ["# One training with a search's best hyperparameters."]
    lines = []
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            break
        lines.append(line)
    return [line for line in lines if not line.startswith(_ORIGIN)]


def _body(content: Any) -> list[str]:
    stream = io.StringIO()
    _yaml().dump(content, stream)
    lines = stream.getvalue().splitlines()
    first = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return lines[first:]


def _update(target: Any, key: str, values: Mapping[str, Any]) -> None:
    """Replace the content of ``target[key]``; comments of keys that stay are kept."""
    if not isinstance(target.get(key), dict):
        target[key] = {}
    section = target[key]
    for name in [name for name in section if name not in values]:
        del section[name]
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            _update(section, name, value)
        else:
            section[name] = value


def _plain(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {str(key): _plain(value) for key, value in content.items()}
    return [_plain(value) for value in content] if isinstance(content, list) else content


def _yaml() -> YAML:
    yaml = YAML()
    yaml.width = _WIDTH
    yaml.preserve_quotes = True
    return yaml
