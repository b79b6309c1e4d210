"""Layout and metadata of a training's checkpoints at a Determined master.

``bundle/`` holds the bundle, in the last checkpoint of a training; ``state/`` holds the state from which
a killed or paused training resumes. Determined adds a metadata.json to the same folder.
"""

from typing import Any

from fmnist.core.bundle import Bundle

FOLDER = "bundle"
STATE = "state"


def checkpoint_metadata(bundle: Bundle, steps: int) -> dict[str, Any]:
    """Metadata that ``det model describe`` and ``det checkpoint describe`` show.

    ``steps`` must be those with which its validation was reported: by them the master pairs the two.
    """
    metadata = bundle.metadata
    return {
        "steps_completed": steps,
        "epochs": metadata.epochs,
        "accuracy": metadata.metrics.get("accuracy"),
        "bundle_sha256": bundle.sha256,
        **metadata.provenance.fields(),
    }
