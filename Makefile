# The commands of README.md. The environment (.venv) is made from requirements.lock on first use,
# and again only when the lock or pyproject.toml changes: bootstrap.py compares digests.
SHELL := /bin/bash
.SHELLFLAGS := -c
.DEFAULT_GOAL := help
.PHONY: help ablation test lint ui env lock clean

VENV := .venv
RUN := $(VENV)/bin/python
ARGS ?=

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

env:
	@for python in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
		if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
			>/dev/null 2>&1; then exec "$$python" bootstrap.py $(VENV); fi; \
	done; echo "no Python 3.11, 3.12 or 3.13 found: install one, or give its path: make PYTHON=/path/to/python3.12" >&2; exit 2

ablation: env  ## the full ablation on the embedded data; ARGS="--seeds 3" passes options
	@exec $(RUN) -m ablations.full $(ARGS)

test: lint  ## lint, types and the whole test suite; ARGS="-k name" selects
	@exec $(RUN) -m pytest $(ARGS)

lint: env  ## ruff and mypy
	@$(RUN) -m ruff check . && $(RUN) -m ruff format --check . && $(RUN) -m mypy

ui: env  ## MLflow UI on loopback; prints the address of the newest study
	@exec $(RUN) -m cal.adapters.tracking ui $(ARGS)

lock: env  ## write requirements.lock anew from the environment
	@$(RUN) bootstrap.py --lock > requirements.lock.new && mv requirements.lock.new requirements.lock

clean:  ## remove the environment and caches; the store stays
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
