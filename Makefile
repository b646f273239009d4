# The commands of README.md. The environment (.venv) is made from requirements.lock on first use,
# and again only when the lock or the Python changes: bootstrap.py compares digests.
SHELL := /bin/bash
.SHELLFLAGS := -c
.DEFAULT_GOAL := help
.PHONY: help ablation test test-services lint simulate bench ui submit doctor cluster-demo chaos env
.PHONY: lock clean

VENV := .venv
FAST := unit contract golden test_rules.py
REAL := integration services
RUN := $(VENV)/bin/python
ARGS ?=
SUITS := 'import sys; __import__(sys.argv[1]); sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

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

# Tests that start Ray two files at a time: they wait more than they compute. The others on every
# core. 5: pytest found none (-k name).
test: lint  ## lint, types and the whole test suite; ARGS="-k name" selects
	@$(RUN) -m pytest -n auto --maxprocesses 4 $(REAL:%=--ignore=tests/%) $(ARGS); fast=$$?; \
	[ $$fast -eq 0 -o $$fast -eq 5 ] || exit $$fast; \
	$(RUN) -m pytest -n 2 --dist loadfile $(FAST:%=--ignore=tests/%) --ignore=tests/services \
		$(ARGS); slow=$$?; \
	[ $$slow -eq 5 -a $$fast -eq 0 ] || exit $$slow

test-services: env  ## tests that need Debian packages (PostgreSQL, Redis, ...); they say which
	@exec $(RUN) -m pytest tests/services $(ARGS)

lint: env  ## ruff and mypy
	@$(RUN) -m ruff check . && $(RUN) -m ruff format --check . && $(RUN) -m mypy

bench: env  ## measure this machine: benchmarks/results, and README's table; ARGS="--only packing"
	@exec $(RUN) -m benchmarks.run $(ARGS)

simulate: env  ## error and coverage of the statistics by simulation: docs/simulation.md
	@exec $(RUN) -m ablations.simulate $(ARGS)

ui: env  ## MLflow UI on loopback; prints the address of the newest study
	@exec $(RUN) -m cal.adapters.tracking ui $(ARGS)

submit: env  ## a job on a cluster, with its true exit code; ARGS="--address URL -- python -m ..."
	@exec $(RUN) -m cluster.submit $(ARGS)

doctor: env  ## what goes wrong most on a cluster, each with its cure; ARGS="--address URL"
	@exec $(RUN) -m cluster.doctor $(ARGS)

cluster-demo: env  ## a whole cluster on loopback, a study on it, a node killed in the middle
	@exec $(RUN) -m cluster.demo $(ARGS)

chaos: env  ## break everything under a study and count: docs/chaos.md
	@exec $(RUN) -m cluster.chaos $(ARGS)

lock: env  ## write requirements.lock anew from what is installed in the environment
	@$(RUN) bootstrap.py --lock

clean:  ## remove the environment and caches; the store stays
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
