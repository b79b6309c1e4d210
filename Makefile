# Every target with a `##` line shows up in `make help`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
# A company's own certificate authority is honoured by pip, but by uv and Node only when told to.
export UV_SYSTEM_CERTS := true
export NODE_USE_SYSTEM_CA := 1
# Without bytecode on disk each process that trains would compile TensorFlow again: six seconds.
unexport PYTHONDONTWRITEBYTECODE

PLATFORM := $(shell uname -sm | sed -e 's/Linux x86_64/linux-x86_64/' -e 's/Linux aarch64/linux-arm64/' -e 's/Darwin arm64/macos-arm64/' -e 's/ /-/')
BIN := .venv/bin
UV := .uv/bin/uv
# Whoever names a cluster's server needs its client.
ENGINES := $(if $(strip $(DET_MASTER)$(PACHD_ADDRESS)$(FMNIST_TRACKING_URI)$(FMNIST_CATALOGUE_URI)),extras,setup)

.PHONY: help setup extras dev demo up down gate gate-environment ci-local test contract-real lint fmt bench kills lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready .venv-serve/.ready ## Build .venv and .venv-serve from the locks, and this machine's key
	@scripts/dvc-scm
	@scripts/gate-key

extras: setup .venv/.extras ## Add to .venv the clients of clusters, mlflow ui, W&B, Optuna's dashboard, DVC on S3

dev: setup .venv/.dev ## Add what the tests and checks need to .venv

$(UV): requirements/uv.txt
	@python3 -m venv .uv || { echo "fmnist: python3 with its venv module is needed (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $< && touch $@

requirements/%-$(PLATFORM).txt:
	@echo "fmnist: no lock for $(PLATFORM); there are: $$(ls requirements | sed -n 's/^dev-\(.*\).txt/\1/p' | xargs)" >&2; exit 1

.venv/.ready: requirements/venv-$(PLATFORM).txt $(UV)
	@scripts/environment .venv $<

# Each environment holds the smaller ones: one that is up to date stays as it is.
.venv/.extras: requirements/extras-$(PLATFORM).txt .venv/.ready
	@if [ ! .venv/.dev -nt .venv/.ready ]; then scripts/environment .venv $<; fi; touch $@

.venv/.dev: requirements/dev-$(PLATFORM).txt .venv/.ready
	@scripts/environment .venv $< && touch $@

.venv-serve/.ready: requirements/serve-$(PLATFORM).txt $(UV)
	@scripts/environment .venv-serve $<

.node/.ready: requirements/ci.txt requirements/node/package-lock.json $(UV)
	@scripts/ci-tools

demo: $(ENGINES) ## Run the whole path: data commit, search, training, gate, served prediction
	@$(BIN)/fmnist demo

up: $(ENGINES) ## Serve the champion, at first the newest version that passed the gate
	@$(BIN)/fmnist up

down: ## Stop all deployments and processes
	@if [ -x $(BIN)/fmnist ]; then $(BIN)/fmnist down; fi

gate: ## Test the latest model version (or MODEL_VERSION=n) against gate.yaml
	@scripts/gate

gate-environment: $(ENGINES)

ci-local: dev .node/.ready ## Run the pipeline that GitLab runs on master (or JOBS="lint unit"), without Docker
	@scripts/ci-local $(JOBS)

test: dev ## Run the tests
	@$(BIN)/pytest -n logical --maxprocesses 4 --junitxml=reports/unit.xml
	@[ -x .node/bin/gitlab-ci-local ] || echo "fmnist: the tests of .gitlab-ci.yml were skipped: make .node/.ready installs what they need"

contract-real: dev ## Hold the servers that PACHD_ADDRESS and DET_MASTER name to the contract
	@FMNIST_TEST_REAL=1 $(BIN)/pytest -k real --timeout=900 tests/contract

lint: dev ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

fmt: dev ## Format the code, and fix what ruff can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: dev ## Print the figures of docs/performance.md
	@for script in $(filter-out bench/kills.py,$(wildcard bench/*.py)); do echo "== $$script"; $(BIN)/python $$script; done

kills: dev ## Kill a search ten times and compare it with one left in peace (SEED=n)
	@$(BIN)/python bench/kills.py --seed $(or $(SEED),1)

lock: $(UV) ## Resolve pyproject.toml's extras into requirements/
	@scripts/lock

clean: down ## Remove the environments (FMNIST_HOME and its data stay)
	@rm -rf .uv .venv .venv-serve .node
