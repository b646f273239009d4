# The commands of README.md. The environment (.venv) is made from requirements.lock on first use,
# and again only when the lock or the Python changes: bootstrap.py compares digests.
SHELL := /bin/bash
.SHELLFLAGS := -c
.DEFAULT_GOAL := help
.PHONY: help ablation test lint simulate bench ui env lock clean

VENV := .venv
FAST := unit contract golden test_rules.py
RUN := $(VENV)/bin/python
ARGS ?=
SUITS := 'import sys; __import__(sys.argv[1]); sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# A Python that can make environments comes first; the environment's own keeps its version.
env:
	@for need in ensurepip sys; do \
		for python in $(or $(PYTHON),$(RUN) python3.13 python3.12 python3.11 python3 python); do \
			if "$$python" -c $(SUITS) $$need >/dev/null 2>&1; then \
				exec "$$python" bootstrap.py $(VENV); \
			fi; \
		done; \
	done; \
	echo "$(if $(PYTHON),PYTHON=$(PYTHON) is not a,found no) Python 3.11, 3.12 or 3.13 that runs:" \
		"install one, or give its path: make PYTHON=/path/to/python3.12" >&2; exit 2

ablation: env  ## the full ablation on the embedded data; ARGS="--seeds 3" passes options
	@exec $(RUN) -m ablations.full $(ARGS)

# Tests that start Ray one by one, the others on every core. 5: pytest found none (-k name).
test: lint  ## lint, types and the whole test suite; ARGS="-k name" selects
	@$(RUN) -m pytest -n auto --maxprocesses 4 --ignore=tests/integration $(ARGS); fast=$$?; \
	[ $$fast -eq 0 -o $$fast -eq 5 ] || exit $$fast; \
	$(RUN) -m pytest $(FAST:%=--ignore=tests/%) $(ARGS); slow=$$?; \
	[ $$slow -eq 5 -a $$fast -eq 0 ] || exit $$slow

lint: env  ## ruff and mypy
	@$(RUN) -m ruff check . && $(RUN) -m ruff format --check . && $(RUN) -m mypy

bench: env  ## measure this machine: benchmarks/results, and README's table; ARGS="--only packing"
	@exec $(RUN) -m benchmarks.run $(ARGS)

simulate: env  ## error and coverage of the statistics by simulation: docs/simulation.md
	@exec $(RUN) -m ablations.simulate $(ARGS)

ui: env  ## MLflow UI on loopback; prints the address of the newest study
	@exec $(RUN) -m cal.adapters.tracking ui $(ARGS)

lock: env  ## write requirements.lock anew from what is installed in the environment
	@$(RUN) bootstrap.py --lock

clean:  ## remove the environment and caches; the store stays
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
