# Everything that a developer runs. Needs Python 3.11 or newer, with its venv module, and make.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
WORKERS ?= 2
COVERAGE ?= 90
COUNT ?= 10000
ROWS ?=
REF ?=

VENV := .venv
DOCS_VENV := .venv-docs
BENCH_VENV := .venv-bench
LOWEST_VENV := .venv-lowest
RUN := $(VENV)/bin/python
ROOMS := ir passes codegen runtime
MEASURED := ir passes codegen
CODE := $(ROOMS) frontend tests examples benchmarks

.DEFAULT_GOAL := help
.PHONY: help demo examples test test-all test-lowest fuzz mutate bench bench-quick bench-compare conformance docs lint types format golden clean

help:  ## list these commands
	@awk -F ':.*## *' '/^[a-z-]+:.*##/ { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo  ## train a small CNN on handwritten digits, eagerly and compiled
	$(RUN) examples/digits_cnn.py

examples: $(VENV)/.examples  ## run every example at full size (or NAMES="..."), and write README's table of them
	$(RUN) -m examples $(NAMES)

test: $(VENV)/.test  ## run the test suite, with line coverage of ir, passes and codegen
	$(RUN) -m pytest -n $(WORKERS) --dist worksteal $(MEASURED:%=--cov=%) --cov-report=term:skip-covered --cov-fail-under=$(COVERAGE)

test-all: $(VENV)/.test  ## also run the long tests: exhaustive sweeps (hours); keeps the result in docs/
	$(RUN) -m pytest -n $(WORKERS) --dist worksteal --all --durations=10 | tee docs/test-all.txt

fuzz: $(VENV)/.test  ## run random programs in every way there is (COUNT=10000); goes on where it was stopped
	$(RUN) -m tests.fuzz $(COUNT) --workers $(WORKERS)

mutate: $(VENV)/.test  ## draw 200 mistakes in passes and codegen, and count those that BRASA=check catches (hours)
	$(RUN) -m tests.mutation

test-lowest: $(LOWEST_VENV)/.test  ## run the test suite with the oldest dependencies that pyproject.toml allows
	$(LOWEST_VENV)/bin/python -m pytest -n $(WORKERS)

bench: $(BENCH_VENV)/.bench  ## measure brasa beside PyTorch and JAX (or ROWS="a pattern"), and write docs/benchmarks.md
	$(BENCH_VENV)/bin/python -m benchmarks --rows '$(ROWS)'

bench-quick: $(BENCH_VENV)/.bench  ## a choice of rows, in less than 5 minutes
	$(BENCH_VENV)/bin/python -m benchmarks --quick --rows '$(ROWS)'

bench-compare: $(BENCH_VENV)/.bench  ## rows over 5 % slower than those of REF=commit in benchmarks/history.jsonl
	$(BENCH_VENV)/bin/python -m benchmarks --rows '$(ROWS)' --compare '$(REF)'

conformance: $(BENCH_VENV)/.bench  ## run PyTorch's samples of its operators (hours), and write docs/conformance.md
	$(BENCH_VENV)/bin/python -m benchmarks.conformance

docs: $(DOCS_VENV)/.docs  ## build the site: docs/_build/index.html
	$(DOCS_VENV)/bin/python -m sphinx -W --keep-going -q -c docs/site docs docs/_build

types: $(VENV)/.test  ## check types: mypy --strict over ir, passes, codegen and runtime
	$(RUN) tests/house/type_links.py .types
	cd .types && ../$(RUN) -m mypy --strict --follow-imports=silent $(ROOMS:%=-p brasa.%)

lint: $(VENV)/.test  ## check style and formatting
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check

format: $(VENV)/.test  ## rewrite the code in the one format
	$(RUN) -m ruff check --fix
	$(RUN) -m ruff format

golden: $(VENV)/.test  ## rewrite golden files and the README's generated parts, to be looked at with git diff
	$(RUN) -m pytest -n $(WORKERS) --update-golden

clean:  ## remove everything that these commands made
	rm -rf .venv* .types build dist docs/_build docs/_pages demo-output *.egg-info .coverage* .hypothesis .bench .fuzz .conformance .*_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment is made once; what is installed in it is installed again when pyproject.toml changes.

$(VENV)/.made $(BENCH_VENV)/.made $(DOCS_VENV)/.made $(LOWEST_VENV)/.made:
	$(PYTHON) -m venv $(@D)
	touch $@

$(LOWEST_VENV)/lowest.txt: $(LOWEST_VENV)/.made pyproject.toml
	sed -nE 's/^  "([a-z_]+)>=([0-9.]+).*/\1==\2/p' pyproject.toml > $@

$(VENV)/.test $(LOWEST_VENV)/.test: EXTRAS := test,demo,tensorboard,rl
$(VENV)/.demo: EXTRAS := demo
$(VENV)/.examples: EXTRAS := demo,tensorboard,text,vision,rl
$(BENCH_VENV)/.bench: EXTRAS := peers,demo
$(DOCS_VENV)/.docs: EXTRAS := docs
$(LOWEST_VENV)/.test: CONSTRAINT := --constraint $(LOWEST_VENV)/lowest.txt

$(VENV)/.test $(VENV)/.demo $(VENV)/.examples: $(VENV)/.made pyproject.toml
$(BENCH_VENV)/.bench: $(BENCH_VENV)/.made pyproject.toml
$(DOCS_VENV)/.docs: $(DOCS_VENV)/.made pyproject.toml
$(LOWEST_VENV)/.test: $(LOWEST_VENV)/lowest.txt

$(VENV)/.test $(VENV)/.demo $(VENV)/.examples $(BENCH_VENV)/.bench $(DOCS_VENV)/.docs $(LOWEST_VENV)/.test:
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check $(CONSTRAINT) --editable ".[$(EXTRAS)]"
	touch $@
