# The image of a trial on Determined, for both experiment files, and of Pachyderm's pipelines.
#
#   docker build -f deploy/train.Dockerfile -t fmnist-train:0.1.0 .
#   docker build -f deploy/train.Dockerfile -t fmnist-train:0.1.0-cuda --build-arg TENSORFLOW=tensorflow[and-cuda]==2.19.1 .
ARG PYTHON=3.11-slim-bookworm
FROM python:${PYTHON}

# Determined's agent starts python3 and tensorboard by name. Its own packages are here already, so that a
# trial installs nothing.
ENV DET_SKIP_PIP_INSTALL=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PYTHONUNBUFFERED=1 \
    TF_CPP_MIN_LOG_LEVEL=3

RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git \
    && rm -rf /var/lib/apt/lists/*

# Packages by hash, in the versions of a developer's machine: determined, python-pachyderm, tensorboard and
# TensorFlow for processors are among them.
ARG LOCK=requirements/trial-linux-x86_64.txt
COPY ${LOCK} /tmp/lock.txt
RUN python3 -m pip install --require-hashes -r /tmp/lock.txt && rm /tmp/lock.txt

# With GPUs: the same version of TensorFlow, with NVIDIA's libraries, in the place of the other.
ARG TENSORFLOW=
RUN if [ -n "$TENSORFLOW" ]; then \
        python3 -m pip uninstall --yes tensorflow-cpu && python3 -m pip install "$TENSORFLOW"; \
    fi

RUN python3 -c "import determined, keras, onnx, python_pachyderm, tensorflow" && tensorboard --version

# What the pipelines run and submit. A trial's own code, which Determined sends with each experiment, lies
# in the folder that it starts in, and so comes first.
WORKDIR /opt/fmnist
ENV PYTHONPATH=/opt/fmnist
COPY .detignore adaptive.yaml const.yaml ./
COPY fmnist fmnist
