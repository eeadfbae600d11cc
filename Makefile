# Every target works from a bare clone: it makes .venv and installs what it needs.

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast check fix bench peers strength clean

help:            ## say what there is
	@grep -E '^[a-z-]+: ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/'

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/use: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing into .venv: about a minute"
	$(INSTALL) --editable .
	@touch $@

.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing into .venv, with what the tests need: about a minute"
	$(INSTALL) --editable '.[dev]'
	@touch $@ .venv/use

demo: .venv/use  ## install, audit the embedded data set with a fresh network, and show the result
	@$(BIN)/rafair audit
	@echo
	@echo "Next: open the report named above in a browser (audit.json beside it holds every rate,"
	@echo "adversarial.parquet every perturbed row), then try:  $(BIN)/rafair data list   and   $(BIN)/rafair audit --help"

test: .venv/dev  ## install and run every test that needs nothing but this repository
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

test-fast: .venv/dev ## the cheapest tests that fit into 90 seconds on two cores
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal -m "not slow"

check: .venv/dev ## lint, types, and the layers' import contract
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: .venv/dev   ## format and mend what can be mended mechanically
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/dev ## measure speed beside this machine's own matrix product and the last release
	$(BIN)/python -m benchmarks

.venv-peers/use: benchmarks/peers_requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 \
		--requirement benchmarks/peers_requirements.txt --editable .
	@touch $@

peers: .venv-peers/use ## compare accuracies (needs RAFAIR_DATA) and cost with torchattacks, ART and foolbox
	.venv-peers/bin/python -m benchmarks.peers_accuracy
	.venv-peers/bin/python -m benchmarks.peers_pooled
	.venv-peers/bin/python -m benchmarks.peers

strength: .venv/dev ## set `strongest` beside a worst-counterpart PGD of the benchmark's own (needs RAFAIR_DATA)
	$(BIN)/python -m benchmarks.worst_counterpart --hardened runs/hardened-bank

clean:           ## remove what the other targets made
	rm -rf .venv .venv-peers .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
