"""Storage, layout and metadata of checkpoints at a Determined master.

``bundle/`` holds the bundle, in the last checkpoint of a training; ``state/`` holds the state from which
a killed or paused training resumes. Determined adds a metadata.json to the same folder.
"""

from functools import cache
from typing import Any

from determined.common.storage import build, validate_manager

from fmnist.core.bundle import Bundle
from fmnist.errors import ConfigError

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


def storage_config(place: str) -> dict[str, Any]:
    """The section ``checkpoint_storage`` for a folder, or an s3:// or gs:// address.

    Determined's own function (0.38.1) refuses a folder with a question mark, or cuts it at a #.
    """
    scheme, separator, path = place.partition("://")
    if not separator or scheme == "file":
        return {"type": "directory", "container_path": path if separator else place}
    bucket, _, prefix = path.partition("/")
    return {"type": {"s3": "s3", "gs": "gcs"}[scheme], "bucket": bucket, "prefix": prefix}


@cache
def check_storage(place: str) -> None:
    """Write, read and delete a small file, so that a training does not end without its checkpoint.

    Raises:
        ConfigError: credentials, bucket, permission or package are missing.
    """
    config = storage_config(place)
    if config["type"] == "directory":
        return
    try:
        validate_manager(build(config, None))
    except ImportError as error:
        raise ConfigError(
            f"FMNIST_CHECKPOINT_STORAGE={place}: {error.name} is not installed; make extras adds it to .venv"
        ) from error
    except Exception as error:  # boto3's, Google's and determined's have no class in common
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(
            f"FMNIST_CHECKPOINT_STORAGE={place}: no checkpoint can be stored there: {reason}; are bucket and "
            "credentials right (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY; GOOGLE_APPLICATION_CREDENTIALS)?"
        ) from error
