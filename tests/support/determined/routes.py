"""The endpoints that the project uses, each read and answered by the client's own classes."""

import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import yaml
from determined.common.api import bindings
from determined.common.api.authentication import salt_and_hash

from tests.support.determined import replies
from tests.support.determined.records import Checkpoint, Experiment, Json, Model, Records, Trial, Version

USER, PASSWORD = "determined", "Fmnist-test-1"
VERSION = "0.38.1-in-process"


class Refused(Exception):
    """A request that the master answers with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Printable(Protocol):
    def to_json(self, omit_unset: bool = ...) -> Json: ...


Reply = Printable | Json | None


@dataclass
class Request:
    records: Records
    query: Mapping[str, list[str]]
    body: Json
    storage_delay: float

    def number(self, name: str, default: int = 0) -> int:
        return int(self.query[name][0]) if name in self.query else default


Handler = Callable[..., Reply]
ROUTES: list[tuple[str, re.Pattern[str], Handler]] = []


def route(method: str, pattern: str) -> Callable[[Handler], Handler]:
    def keep(handler: Handler) -> Handler:
        ROUTES.append((method, re.compile(f"/api/v1/{pattern}"), handler))
        return handler

    return keep


@route("POST", "auth/login")
def log_in(request: Request) -> Reply:
    asked = bindings.v1LoginRequest.from_json(request.body)
    if (asked.username, asked.password) != (USER, salt_and_hash(PASSWORD)):
        raise Refused(403, "invalid credentials")
    token = uuid.uuid4().hex
    request.records.tokens.add(token)
    return bindings.v1LoginResponse(token=token, user=_user())


@route("GET", "me")
def me(request: Request) -> Reply:
    return bindings.v1GetMeResponse(user=_user())


@route("GET", "master")
def master(request: Request) -> Reply:
    return bindings.v1GetMasterResponse(
        clusterId="cluster-1",
        clusterName="",
        hasCustomLogo=False,
        masterId="master-1",
        strictJobQueueControl=False,
        version=VERSION,
    )


@route("POST", "experiments")
def create_experiment(request: Request) -> Reply:
    asked = bindings.v1CreateExperimentRequest.from_json(request.body)
    config = _config(asked)
    if asked.validateOnly:
        return {}
    own = _add_experiment(request.records, asked, config)
    return bindings.v1CreateExperimentResponse(
        config=config, experiment=replies.experiment(request.records, own)
    )


@route("GET", "experiments")
def list_experiments(request: Request) -> Reply:
    labels = set(request.query.get("labels", []))
    found = [
        replies.experiment(request.records, own)
        for own in request.records.experiments.values()
        if labels <= set(own.config.get("labels") or [])
    ]
    return bindings.v1GetExperimentsResponse(
        experiments=found, pagination=replies.pagination(len(found), 0, len(found))
    )


@route("PUT", "experiments/by-external-id/(.+)")
def put_experiment(request: Request, external: str) -> Reply:
    asked = bindings.v1CreateExperimentRequest.from_json(request.body)
    config = _config(asked)
    found = [own for own in request.records.experiments.values() if own.external_id == external]
    if found:
        (own,) = found
        # The last one wins.
        own.config, own.text = config, asked.config or ""
    else:
        own = _add_experiment(request.records, asked, config)
        own.external_id = external
    answer = replies.experiment(request.records, own)
    return bindings.v1PutExperimentResponse(config=config, experiment=answer)


@route("GET", r"experiments/(\d+)")
def get_experiment(request: Request, number: str) -> Reply:
    own = _experiment(request, number)
    return bindings.v1GetExperimentResponse(
        experiment=replies.experiment(request.records, own), config=own.config
    )


@route("POST", r"experiments/(\d+)/(activate|pause|cancel|kill)")
def change_experiment(request: Request, number: str, verb: str) -> Reply:
    after = {"activate": "ACTIVE", "pause": "PAUSED", "cancel": "CANCELED", "kill": "CANCELED"}[verb]
    _experiment(request, number).state = bindings.experimentv1State[after]
    return None


@route("GET", r"experiments/(\d+)/trials")
def experiment_trials(request: Request, number: str) -> Reply:
    own = _experiment(request, number)
    trials = [trial for trial in request.records.trials.values() if trial.experiment is own]
    page = replies.pagination(len(trials), 0, len(trials))
    return bindings.v1GetExperimentTrialsResponse(
        pagination=page, trials=[replies.trial(trial) for trial in trials]
    )


@route("GET", r"experiments/(\d+)/checkpoints")
def experiment_checkpoints(request: Request, number: str) -> Reply:
    own = _experiment(request, number)
    kept = [found for found in request.records.checkpoints.values() if found.trial.experiment is own]
    page, some = _page(request, _asked_for(request, kept))
    checkpoints = [replies.checkpoint(found) for found in some]
    return bindings.v1GetExperimentCheckpointsResponse(pagination=page, checkpoints=checkpoints)


@route("GET", r"trials/(\d+)/checkpoints")
def trial_checkpoints(request: Request, number: str) -> Reply:
    own = _trial(request, number)
    kept = [found for found in request.records.checkpoints.values() if found.trial is own]
    page, some = _page(request, _asked_for(request, kept))
    checkpoints = [replies.checkpoint(found) for found in some]
    return bindings.v1GetTrialCheckpointsResponse(pagination=page, checkpoints=checkpoints)


@route("POST", "trials")
def create_trial(request: Request) -> Reply:
    own = _add_trial(request.records, bindings.v1CreateTrialRequest.from_json(request.body))
    return bindings.v1CreateTrialResponse(trial=replies.trial(own))


@route("PUT", "trials")
def put_trial(request: Request) -> Reply:
    asked = bindings.v1PutTrialRequest.from_json(request.body)
    assert asked.createTrialRequest
    for own in request.records.trials.values():
        same = own.experiment.id == asked.createTrialRequest.experimentId
        if same and own.external_id == asked.externalTrialId:
            own.hparams = asked.createTrialRequest.hparams or {}
            if own.run_metadata:
                # 0.38.1 cannot read back what it stored.
                reason = "failed to parse map into proto: error converting row to Protobuf struct"
                raise Refused(500, f"failed to get trial {own.id}: {reason}")
            return bindings.v1PutTrialResponse(trial=replies.trial(own))
    own = _add_trial(request.records, asked.createTrialRequest)
    own.external_id = asked.externalTrialId
    return bindings.v1PutTrialResponse(trial=replies.trial(own))


@route("POST", r"trials/(\d+)/start")
def start_trial(request: Request, number: str) -> Reply:
    own = _trial(request, number)
    if not bindings.v1StartTrialRequest.from_json(request.body).resume:
        # 0.38.1 trips over its own SQL.
        reason = "FOR UPDATE cannot be applied to the nullable side of an outer join (SQLSTATE 0A000)"
        raise Refused(500, f"failed to start trial: ERROR: {reason}")
    own.runs += 1
    own.state = bindings.trialv1State.RUNNING
    _level(request.records, own.experiment)
    latest = [found for found in request.records.checkpoints.values() if found.trial is own]
    if not latest:
        return bindings.v1StartTrialResponse(stepsCompleted=0, trialRunId=own.runs)
    return bindings.v1StartTrialResponse(
        stepsCompleted=latest[-1].steps, trialRunId=own.runs, latestCheckpoint=latest[-1].uuid
    )


@route("GET", r"trials/(\d+)")
def get_trial(request: Request, number: str) -> Reply:
    return bindings.v1GetTrialResponse(trial=replies.trial(_trial(request, number)))


@route("PATCH", r"trials/(\d+)")
def patch_trial(request: Request, number: str) -> Reply:
    own = _trial(request, number)
    asked = bindings.v1PatchTrialRequest.from_json(request.body)
    if asked.state:
        own.state = asked.state
        _level(request.records, own.experiment)
    return bindings.v1PatchTrialResponse(trial=replies.trial(own))


@route("POST", r"trials/(\d+)/metrics")
def report_metrics(request: Request, number: str) -> Reply:
    own = _trial(request, number)
    asked = bindings.v1ReportTrialMetricsRequest.from_json(request.body)
    steps, figures = asked.metrics.stepsCompleted or 0, asked.metrics.metrics.avgMetrics
    if asked.group == "validation":
        _decide(own, figures)
        # The real master decides first, and stores a little later.
        time.sleep(request.storage_delay)
    own.metrics.append((asked.group, steps, dict(figures)))
    return None


@route("GET", r"trials/(\d+)/workloads")
def trial_workloads(request: Request, number: str) -> Reply:
    own = _trial(request, number)
    found = [
        bindings.v1WorkloadContainer(validation=replies.workload(steps, figures))
        for steps, figures in own.series("validation")
    ]
    page = replies.pagination(len(found), 0, len(found))
    return bindings.v1GetTrialWorkloadsResponse(pagination=page, workloads=found)


@route("POST", r"trials/(\d+)/progress")
def report_progress(request: Request, number: str) -> Reply:
    _trial(request, number).progress = float(request.body["progress"])
    return None


@route("POST", r"trials/(\d+)/runner/metadata")
def runner_metadata(request: Request, number: str) -> Reply:
    _trial(request, number)
    return None


@route("POST", r"runs/(\d+)/metadata")
def run_metadata(request: Request, number: str) -> Reply:
    asked = bindings.v1PostRunMetadataRequest.from_json(request.body)
    own = _trial(request, number)
    if any(set(key) & set("$.[]") for key in asked.metadata):
        reason = "metadata keys can not contain the following character(s):  $ . [ ]"
        raise Refused(400, f"error flattening metadata: {reason}")
    own.run_metadata = dict(asked.metadata)
    return bindings.v1PostRunMetadataResponse(metadata=own.run_metadata)


@route("POST", "runs/start")
def prepare_run(request: Request) -> Reply:
    bindings.v1RunPrepareForReportingRequest.from_json(request.body)
    return bindings.v1RunPrepareForReportingResponse(storageId=1)


@route("GET", "allocations/(.+)/signals/preemption")
def preemption(request: Request, allocation: str) -> Reply:
    deadline = time.monotonic() + min(request.number("timeout_seconds"), 2)
    while allocation not in request.records.preempted and time.monotonic() < deadline:
        time.sleep(0.02)
    return {"preempt": allocation in request.records.preempted}


@route("POST", "allocations/(.+)/signals/ack_preemption")
def acknowledge(request: Request, allocation: str) -> Reply:
    request.records.acknowledged.add(allocation)
    return None


@route("POST", "checkpoints")
def report_checkpoint(request: Request) -> Reply:
    asked = bindings.v1Checkpoint.from_json(request.body)
    trial = next(own for own in request.records.trials.values() if own.task == asked.taskId)
    checkpoint = Checkpoint(asked.uuid, trial, asked.metadata, asked.resources, asked.state)
    request.records.checkpoints[asked.uuid] = checkpoint
    return None


@route("GET", r"checkpoints/([^/]+)")
def get_checkpoint(request: Request, name: str) -> Reply:
    return bindings.v1GetCheckpointResponse(checkpoint=replies.checkpoint(_checkpoint(request, name)))


@route("POST", "models")
def create_model(request: Request) -> Reply:
    asked = bindings.v1PostModelRequest.from_json(request.body)
    models = request.records.models
    if asked.name in models:
        raise Refused(409, "avoid names equal to other models (case-sensitive)")
    own = Model(len(models) + 1, asked.name, asked.description or "")
    own.labels, own.metadata = list(asked.labels or []), asked.metadata or {}
    models[asked.name] = own
    return bindings.v1PostModelResponse(model=replies.model(own))


@route("GET", "models")
def list_models(request: Request) -> Reply:
    models = [replies.model(own) for own in request.records.models.values()]
    return bindings.v1GetModelsResponse(
        models=models, pagination=replies.pagination(len(models), 0, len(models))
    )


@route("GET", "models/([^/]+)")
def get_model(request: Request, name: str) -> Reply:
    return bindings.v1GetModelResponse(model=replies.model(_model(request, name)))


@route("PATCH", "models/([^/]+)")
def patch_model(request: Request, name: str) -> Reply:
    own = _model(request, name)
    asked = bindings.v1PatchModel.from_json(request.body)
    if asked.metadata is not None:
        own.metadata = asked.metadata
    return bindings.v1PatchModelResponse(model=replies.model(own))


@route("GET", "models/([^/]+)/versions")
def list_versions(request: Request, name: str) -> Reply:
    own = _model(request, name)
    page, some = _page(request, sorted(own.versions.values(), key=lambda version: -version.number))
    versions = [replies.version(own, version) for version in some]
    return bindings.v1GetModelVersionsResponse(
        model=replies.model(own), modelVersions=versions, pagination=page
    )


@route("POST", "models/([^/]+)/versions")
def register(request: Request, name: str) -> Reply:
    own = _model(request, name)
    asked = bindings.v1PostModelVersionRequest.from_json(request.body)
    checkpoint = _checkpoint(request, asked.checkpointUuid)
    if checkpoint.state is not bindings.checkpointv1State.COMPLETED:
        reason = f"checkpoint {checkpoint.uuid} is in {checkpoint.state.value} state. "
        raise Refused(500, reason + "checkpoints for model versions must be in a COMPLETED state")
    own.numbers += 1
    version = Version(own.numbers, checkpoint, asked.name or "", asked.comment or "", asked.notes or "")
    version.labels, version.metadata = list(asked.labels or []), asked.metadata or {}
    own.versions[version.number] = version
    return bindings.v1PostModelVersionResponse(modelVersion=replies.version(own, version))


@route("GET", r"models/([^/]+)/versions/(\d+)")
def get_version(request: Request, name: str, number: str) -> Reply:
    own = _model(request, name)
    found = replies.version(own, _version(own, name, number))
    return bindings.v1GetModelVersionResponse(modelVersion=found)


@route("PATCH", r"models/([^/]+)/versions/(\d+)")
def patch_version(request: Request, name: str, number: str) -> Reply:
    own = _model(request, name)
    version = _version(own, name, number)
    asked = bindings.v1PatchModelVersion.from_json(request.body)
    for field in ("name", "comment", "notes", "metadata"):
        if getattr(asked, field) is not None:
            setattr(version, field, getattr(asked, field))
    if asked.labels is not None:
        version.labels = list(asked.labels)
    return bindings.v1PatchModelVersionResponse(modelVersion=replies.version(own, version))


@route("DELETE", r"models/([^/]+)/versions/(\d+)")
def delete_version(request: Request, name: str, number: str) -> Reply:
    own = _model(request, name)
    del own.versions[_version(own, name, number).number]
    return None


@route("DELETE", "models/([^/]+)")
def delete_model(request: Request, name: str) -> Reply:
    del request.records.models[_model(request, name).name]
    return None


@route("DELETE", r"experiments/(\d+)")
def delete_experiment(request: Request, number: str) -> Reply:
    del request.records.experiments[_experiment(request, number).id]
    return None


def _user() -> bindings.v1User:
    return bindings.v1User(active=True, admin=True, username=USER, id=1)


def _config(asked: bindings.v1CreateExperimentRequest) -> Json:
    """What a master checks beyond the schema, in its words."""
    config: Json = yaml.safe_load(asked.config or "")
    searcher = config.get("searcher") or {}
    wrong = None
    if "metric" not in searcher:
        wrong = "config is invalid or incomplete: <config>.searcher: metric is a required property"
    elif searcher["name"] == "adaptive_asha" and not {"max_time", "time_metric"} <= set(searcher):
        wrong = (
            "invalid experiment configuration: the `adaptive_asha` searcher requires `max_time` and "
            "`time_metric` to be set"
        )
    elif searcher["name"] == "custom":
        wrong = "the 'custom' searcher has been removed and is not valid for new experiments"
    elif not asked.unmanaged and not config.get("entrypoint"):
        wrong = "managed experiments require entrypoint"
    if wrong:
        raise Refused(400, wrong)
    return config


def _add_experiment(records: Records, asked: bindings.v1CreateExperimentRequest, config: Json) -> Experiment:
    state = bindings.experimentv1State
    own = Experiment(
        id=len(records.experiments) + 1,
        config=config,
        text=asked.config or "",
        unmanaged=bool(asked.unmanaged),
        state=state.ACTIVE if asked.activate or asked.unmanaged else state.PAUSED,
        files=len(asked.modelDefinition or []),
    )
    records.experiments[own.id] = own
    return own


def _add_trial(records: Records, asked: bindings.v1CreateTrialRequest) -> Trial:
    assert asked.experimentId
    experiment = records.experiments[asked.experimentId]
    own = Trial(len(records.trials) + 1, experiment, asked.hparams or {})
    records.trials[own.id] = own
    return own


def _level(records: Records, experiment: Experiment) -> None:
    """An unmanaged experiment is where the furthest of its trials is."""
    states = {trial.state.value for trial in records.trials.values() if trial.experiment is experiment}
    for state in ("RUNNING", "COMPLETED", "ERROR"):
        if f"STATE_{state}" in states:
            experiment.state = bindings.experimentv1State[state]
            return


def _decide(own: Trial, figures: Json) -> None:
    """ASHA, as far as a trial sees it: a metric below ``stop_below`` in the config's data ends it."""
    searcher = own.experiment.config.get("searcher", {})
    if own.experiment.unmanaged or searcher.get("name") != "adaptive_asha":
        return
    if searcher["time_metric"] not in figures:
        own.experiment.state = bindings.experimentv1State.ERROR
        own.state = bindings.trialv1State.ERROR
        return
    bound = own.experiment.config.get("data", {}).get("stop_below", 0.0)
    if figures[searcher["metric"]] < bound or figures[searcher["time_metric"]] >= searcher["max_time"]:
        own.state = bindings.trialv1State.STOPPING_COMPLETED


def _asked_for(request: Request, checkpoints: list[Checkpoint]) -> list[Checkpoint]:
    states = request.query.get("states")
    kept = [found for found in checkpoints if not states or found.state.value in states]
    searcher = bindings.checkpointv1SortBy.SEARCHER_METRIC.value
    return replies.best_first(kept) if request.query.get("sortByAttr") == [searcher] else kept


def _page(request: Request, items: list[Any]) -> tuple[bindings.v1Pagination, list[Any]]:
    offset, limit = request.number("offset"), request.number("limit") or len(items)
    some = items[offset : offset + limit]
    return replies.pagination(len(items), offset, len(some)), some


def _experiment(request: Request, number: str) -> Experiment:
    if int(number) not in request.records.experiments:
        raise Refused(404, f"experiment '{number}' not found")
    return request.records.experiments[int(number)]


def _trial(request: Request, number: str) -> Trial:
    if int(number) not in request.records.trials:
        raise Refused(404, f"trial '{number}' not found")
    return request.records.trials[int(number)]


def _checkpoint(request: Request, name: str) -> Checkpoint:
    try:
        uuid.UUID(name)
    except ValueError:
        raise Refused(500, f'ERROR: invalid input syntax for type uuid: "{name}" (SQLSTATE 22P02)') from None
    if name not in request.records.checkpoints:
        raise Refused(404, f"checkpoint '{name}' not found")
    return request.records.checkpoints[name]


def _model(request: Request, name: str) -> Model:
    if name not in request.records.models:
        raise Refused(404, f'model "{name}" not found')
    return request.records.models[name]


def _version(own: Model, name: str, number: str) -> Version:
    if int(number) not in own.versions:
        raise Refused(404, f'version {number} for model "{name}" not found')
    return own.versions[int(number)]
