"""What Determined's agent does for a trial, without a container: ``python -m tests.support.determined.task``.

The agent leaves a trial's facts in files under /run/determined; here they come through a variable.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from determined import _info

from tests.support.determined.records import Trial
from tests.support.determined.server import Master
from tests.support.ports import free_ports

_FACTS = "FMNIST_TEST_TASK"
_PORTS = ("C10D_PORT", "INTER_TRAIN_PROCESS_COMM_PORT_1", "INTER_TRAIN_PROCESS_COMM_PORT_2")


@dataclass(frozen=True)
class Task:
    """One allocation of a trial."""

    master: str
    token: str
    experiment: int
    trial: int
    run: int
    task: str
    seed: int
    hparams: dict[str, Any]
    config: dict[str, Any]
    latest_checkpoint: str | None
    slots: int = 1

    @property
    def allocation(self) -> str:
        return f"{self.task}.{self.run}"


def allocate(master: Master, trial: Trial) -> Task:
    """The trial's next run, going on from its latest checkpoint, as the master schedules it."""
    trial.runs += 1
    token = f"task-{trial.id}-{trial.runs}"
    master.records.tokens.add(token)
    kept = [own for own in master.records.checkpoints.values() if own.trial is trial]
    return Task(
        master=master.url,
        token=token,
        experiment=trial.experiment.id,
        trial=trial.id,
        run=trial.runs,
        task=trial.task,
        seed=7,
        hparams=trial.hparams,
        config=trial.experiment.config,
        latest_checkpoint=kept[-1].uuid if kept else None,
    )


def start(task: Task, home: Path) -> "subprocess.Popen[str]":
    """``python3 -m fmnist.jobs.train`` as the trial's process."""
    facts = {"FMNIST_HOME": str(home), "FMNIST_DATA_STORE": "dvc", _FACTS: json.dumps(asdict(task))}
    ports = {name: str(port) for name, port in zip(_PORTS, free_ports(len(_PORTS)), strict=True)}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.determined.task"],
        env={**os.environ, **environment(task), **facts, **ports},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def environment(task: Task) -> dict[str, str]:
    """What a container of the trial has, as far as it matters here."""
    return {
        "DET_MASTER": task.master,
        "DET_USER": "determined",
        "DET_SESSION_TOKEN": task.token,
        "DET_TRIAL_ID": str(task.trial),
    }


def become(task: Task) -> None:
    """Make this process the trial's."""
    _info._info = _info.ClusterInfo(
        master_url=task.master,
        cluster_id="cluster-1",
        agent_id="agent-1",
        slot_ids=list(range(task.slots)),
        task_id=task.task,
        allocation_id=task.allocation,
        session_token=task.token,
        task_type="TRIAL",
        latest_checkpoint=task.latest_checkpoint,
        trial_info=_info.TrialInfo(
            trial_id=task.trial,
            experiment_id=task.experiment,
            trial_seed=task.seed,
            hparams=task.hparams,
            config=task.config,
            steps_completed=0,
            trial_run_id=task.run,
            debug=False,
            inter_node_network_interface=None,
        ),
        rendezvous_info=_info.RendezvousInfo(["127.0.0.1"], 0, [task.slots]),
        resources_info=_info.ResourcesInfo([]),
    )


def _main() -> None:
    task = Task(**json.loads(os.environ[_FACTS]))
    become(task)
    from fmnist.jobs.train import main

    # Two in all, as many as the smallest machines of CI have cores.
    sys.argv = ["train", "--threads", str(max(1, 2 // task.slots))]
    main()


if __name__ == "__main__":
    _main()
