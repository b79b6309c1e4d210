"""What our checkpoints at a Determined master look like.

``bundle/`` holds the bundle, in the last checkpoint of a training; ``state/`` what a killed or paused
training goes on from. Beside them Determined writes a metadata.json of its own.
"""

from typing import Any

from fmnist.core.bundle import Bundle

FOLDER = "bundle"
STATE = "state"


def checkpoint_metadata(bundle: Bundle, steps: int) -> dict[str, Any]:
    """What ``det model describe`` and ``det checkpoint describe`` show of a checkpoint.

    ``steps`` must be those that its validation was reported with: that is how the master pairs them.
    """
    metadata, data = bundle.metadata, bundle.metadata.provenance.train_data
    return {
        "steps_completed": steps,
        "epochs": metadata.epochs,
        "accuracy": metadata.metrics.get("accuracy"),
        "bundle_sha256": bundle.sha256,
        "data_commit": f"{data.repo}@{data.commit}",
        "dataset": data.origin,
        "git_commit": metadata.provenance.git_commit,
    }
