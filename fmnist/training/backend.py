"""Keras on TensorFlow: imported without chatter, and made repeatable. No other module sets either up.

Equal jobs give bit-identical weights on one machine only with equal thread counts and oneDNN
flags, so both are settled here, before TensorFlow starts its threads, and recorded.
"""

import os
import warnings

from fmnist.errors import ConfigError

# Read by TensorFlow and Keras when they are imported. The user's ~/.keras/keras.json and variables set other
# types of numbers, another order of axes, or an end after some steps.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"
for _name in ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH"):
    os.environ.pop(_name, None)
_keras_home = os.environ.get("KERAS_HOME")
os.environ["KERAS_HOME"] = os.devnull

with warnings.catch_warnings():
    # Google's client, which TensorFlow imports where it finds it, counts Python 3.11's days aloud.
    warnings.simplefilter("ignore", FutureWarning)
    import keras
    import tensorflow

if _keras_home is None:
    del os.environ["KERAS_HOME"]
else:
    os.environ["KERAS_HOME"] = _keras_home

__all__ = ["keras", "prepare", "tensorflow"]

tensorflow.get_logger().setLevel("ERROR")


def prepare(threads: int) -> None:
    """Make TensorFlow compute with ``threads`` threads, repeatably.

    Raises:
        ConfigError: TensorFlow already runs in this process with another thread count.
    """
    config = tensorflow.config.threading
    if config.get_intra_op_parallelism_threads() != threads:
        try:
            config.set_intra_op_parallelism_threads(threads)
            config.set_inter_op_parallelism_threads(1)
        except RuntimeError as error:
            raise ConfigError(
                f"threads: {threads} asked for, but TensorFlow already runs in this process with "
                f"{config.get_intra_op_parallelism_threads()}; use a fresh process"
            ) from error
    tensorflow.config.experimental.enable_op_determinism()
