# make setup     the environment in .venv and the compiled kernels
# make figures   all figures at the paper's scale
# make preview   all figures in minutes, at a reduced scale
# make test      the tests
# make test-slurm  the workflow on a real SLURM, started for it on this machine
# make lint      format and lint
PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
BIN := .venv/bin
SOURCES := $(wildcard mfgcore/kernels/*.pyx mfgcore/kernels/*.pxi) setup.py pyproject.toml requirements.lock

.PHONY: setup figures preview test test-slurm lint

setup: .venv/.done

.venv/.done: $(SOURCES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed; set PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

figures: setup
	$(BIN)/snakemake --cores $(CORES) figures/all

preview: setup
	$(BIN)/snakemake --cores $(CORES) figures/all --configfile config/preview.yaml

test: setup
	$(BIN)/python -m pytest

test-slurm: setup
	tests/slurm/install
	$(BIN)/python -m pytest -m slurm -rs tests/slurm

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/python tests/lint_workflow.py
