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

.PHONY: help setup dev demo up down gate ci-local test contract-real lint fmt bench kills lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready .venv-serve/.ready ## Build .venv and .venv-serve from the locks, and this machine's key
	@scripts/dvc-scm
	@scripts/gate-key

dev: setup .venv/.dev ## Add what the tests and checks need to .venv

$(UV): requirements/uv.txt
	@python3 -m venv .uv || { echo "fmnist: python3 with its venv module is needed (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $< && touch $@

requirements/%-$(PLATFORM).txt:
	@echo "fmnist: no lock for $(PLATFORM); there are: $$(ls requirements | sed -n 's/^dev-\(.*\).txt/\1/p' | xargs)" >&2; exit 1

.venv/.ready: requirements/venv-$(PLATFORM).txt $(UV)
	@scripts/environment .venv $<

# The same packages and those of the tests; what a user needs is a part of it.
.venv/.dev: requirements/dev-$(PLATFORM).txt .venv/.ready
	@scripts/environment .venv $< && touch $@

.venv-serve/.ready: requirements/serve-$(PLATFORM).txt $(UV)
	@scripts/environment .venv-serve $<

.node/.ready: requirements/ci.txt requirements/node/package-lock.json $(UV)
	@scripts/ci-tools

demo: setup ## Walk the whole path: data commit, search, training, gate, served prediction
	@$(BIN)/fmnist demo

up: setup ## Serve the champion, at first the newest version that passed the gate
	@$(BIN)/fmnist up

down: ## Stop everything that runs
	@if [ -x $(BIN)/fmnist ]; then $(BIN)/fmnist down; fi

gate: setup ## Test the latest model version (or MODEL_VERSION=n) against gate.yaml
	@$(BIN)/pytest --junitxml=reports/gate.xml fmnist/test/test_model_accuracy.py

ci-local: dev .node/.ready ## Run the pipeline that GitLab runs on master (or JOBS="lint unit"), without Docker
	@scripts/ci-local $(JOBS)

test: dev ## Run the tests
	@$(BIN)/pytest --junitxml=reports/unit.xml

contract-real: dev ## Hold the servers that PACHD_ADDRESS and DET_MASTER name to the contract
	@$(BIN)/pytest -k real --timeout=900 tests/contract

lint: dev ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

fmt: dev ## Put the code in order
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
