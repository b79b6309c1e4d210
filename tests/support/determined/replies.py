"""Records as the master answers them, through the client's own classes: a wrong field does not pass."""

from collections.abc import Sequence

from determined.common.api import bindings

from tests.support.determined.records import Checkpoint, Experiment, Model, Records, Trial, Version


def pagination(total: int, offset: int, count: int) -> bindings.v1Pagination:
    return bindings.v1Pagination(
        offset=offset, limit=count, startIndex=offset, endIndex=offset + count, total=total
    )


def experiment(records: Records, own: Experiment) -> bindings.v1Experiment:
    trials = [trial.id for trial in records.trials.values() if trial.experiment is own]
    return bindings.v1Experiment(
        archived=False,
        config=own.config,
        id=own.id,
        jobId=f"job-{own.id}",
        name=str(own.config.get("name") or "Experiment (evenly-settling-treefrog)"),
        numTrials=len(trials),
        trialIds=trials,
        originalConfig=own.text,
        projectId=1,
        projectOwnerId=1,
        searcherType=str(own.config.get("searcher", {}).get("name", "")),
        startTime=own.started,
        state=own.state,
        username="determined",
        unmanaged=own.unmanaged,
        labels=list(own.config.get("labels") or []),
        progress=max((records.trials[trial].progress for trial in trials), default=0.0),
    )


def trial(own: Trial) -> bindings.trialv1Trial:
    validations = own.series("validation")
    latest = validations[-1] if validations else None
    return bindings.trialv1Trial(
        experimentId=own.experiment.id,
        hparams=own.hparams,
        id=own.id,
        restarts=max(0, own.runs - 1),
        startTime=own.started,
        state=own.state,
        totalBatchesProcessed=max((steps for _, steps, _ in own.metrics), default=0),
        taskId=own.task,
        searcherMetricValue=0.0,
        latestValidation=workload(*latest) if latest else None,
    )


def workload(steps: int, figures: dict[str, object]) -> bindings.v1MetricsWorkload:
    return bindings.v1MetricsWorkload(
        metrics=bindings.v1Metrics(avgMetrics=figures), numInputs=0, totalBatches=steps
    )


def checkpoint(own: Checkpoint) -> bindings.v1Checkpoint:
    trained = own.trial
    validation, training = trained.at("validation", own.steps), trained.at("training", own.steps)
    figure = (validation or {}).get(trained.experiment.metric)
    about = bindings.v1CheckpointTrainingMetadata(
        experimentConfig=trained.experiment.config,
        experimentId=trained.experiment.id,
        hparams=trained.hparams,
        trialId=trained.id,
    )
    if validation is not None:
        about.validationMetrics, about.searcherMetric = bindings.v1Metrics(avgMetrics=validation), figure
    if training is not None:
        about.trainingMetrics = bindings.v1Metrics(avgMetrics=training)
    return bindings.v1Checkpoint(
        uuid=own.uuid,
        taskId=trained.task,
        metadata=own.metadata,
        resources=own.resources,
        state=own.state,
        reportTime=own.reported,
        training=about,
    )


def model(own: Model) -> bindings.v1Model:
    return bindings.v1Model(
        archived=False,
        creationTime=own.created,
        lastUpdatedTime=own.created,
        id=own.id,
        name=own.name,
        description=own.description,
        labels=own.labels,
        metadata=own.metadata,
        numVersions=len(own.versions),
        userId=1,
        username="determined",
        workspaceId=1,
    )


def version(owner: Model, own: Version) -> bindings.v1ModelVersion:
    return bindings.v1ModelVersion(
        checkpoint=checkpoint(own.checkpoint),
        creationTime=own.created,
        lastUpdatedTime=own.created,
        id=owner.id * 1000 + own.number,
        model=model(owner),
        version=own.number,
        name=own.name,
        comment=own.comment,
        notes=own.notes,
        labels=own.labels,
        metadata=own.metadata,
    )


def best_first(checkpoints: Sequence[Checkpoint]) -> list[Checkpoint]:
    """By searcher metric as the master sorts them: those without one last."""

    def key(own: Checkpoint) -> tuple[bool, float]:
        figures = own.trial.at("validation", own.steps) or {}
        figure = figures.get(own.trial.experiment.metric)
        if figure is None:
            return True, 0.0
        return False, figure if own.trial.experiment.smaller_is_better else -figure

    return sorted(checkpoints, key=key)
