# Every target with a `##` line shows up in `make help`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
# A company's own certificate authority is honoured by pip but not by uv unless it is told to.
export UV_SYSTEM_CERTS := true

PLATFORM := $(shell uname -sm | sed -e 's/Linux x86_64/linux-x86_64/' -e 's/Linux aarch64/linux-arm64/' -e 's/Darwin arm64/macos-arm64/' -e 's/ /-/')
BIN := .venv/bin
UV := .uv/bin/uv

.PHONY: help setup demo up down gate test lint fmt bench lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready .venv-serve/.ready ## Build .venv and .venv-serve from the locks

$(UV): requirements/uv.txt
	@python3 -m venv .uv || { echo "fmnist: python3 with its venv module is needed (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $< && touch $@

requirements/%-$(PLATFORM).txt:
	@echo "fmnist: no lock for $(PLATFORM); there are: $$(ls requirements | sed -n 's/^dev-\(.*\).txt/\1/p' | xargs)" >&2; exit 1

.venv/.ready: requirements/dev-$(PLATFORM).txt pyproject.toml $(UV)
	@scripts/environment .venv $<

.venv-serve/.ready: requirements/serve-$(PLATFORM).txt pyproject.toml $(UV)
	@scripts/environment .venv-serve $<
