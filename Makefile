# Everything here needs Python 3.11 or later and make; `make demo PYTHON=python3.12` chooses another Python.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin

# The environment is made again when the lock, the project or the folder has changed, else never.
READY := .venv/ready
ifneq ($(shell cat $(READY) 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif

.PHONY: help environment demo test lint types format bench faults docs lock clean

help: ## Say what can be made
	@sed -n 's/^\([a-z]*\):.*## /  make \1~/p' Makefile | awk -F'~' '{ printf "%-20s %s\n", $$1, $$2 }'

environment: $(READY) ## Make the environment in .venv; everything below does so by itself

demo: $(READY) ## Run everything with demo traffic and a live view; Ctrl-C ends it, DEMO_SECONDS=90 ends by itself
	@$(BIN)/pipeline demo

test: $(READY) ## Run every test; make test ARGS="-k histogram -x" passes arguments to pytest
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: $(READY) ## Check style and formatting
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: $(READY) ## Check types, tests included
	@$(BIN)/mypy

format: $(READY) ## Format the code and mend what can be mended
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

bench: $(READY) ## Measure speed, memory, recovery, time to alert, rules, landing; takes minutes and wants an idle machine
	@$(BIN)/python -m bench $(ARGS)

faults: $(READY) ## Break everything under load and account for every event; MINUTES=10 by default, SEED= repeats a run
	@$(BIN)/python -m faults --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)) $(ARGS)

docs: $(READY) ## Write docs/configuration.md and the JSON Schemas again
	@$(BIN)/python docs/generate.py
	@$(BIN)/python -m schemas.generate

lock: $(READY) ## Pin the dependencies of pyproject.toml by hash; make lock ARGS=--upgrade takes newer ones
	@$(BIN)/uv pip compile pyproject.toml --extra server --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-header --quiet $(ARGS) --output-file requirements.lock

clean: ## Remove the environment and every cache; what the pipeline has stored in .pipeline stays
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml
	@command -v "$(PYTHON)" >/dev/null || \
		{ echo "There is no $(PYTHON) here. Install Python 3.11 or later, or name yours: make PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "$(PYTHON) is $$("$(PYTHON)" --version 2>&1). Python 3.11 or later is needed: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Making the environment in .venv, from requirements.lock (once; a minute or two) ..."
	@[ "$$(cat $(READY) 2>/dev/null)" = "$(CURDIR)" ] || rm -rf .venv
	@"$(PYTHON)" -m venv .venv || { echo "On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@printf '%s' "$(CURDIR)" > $@
