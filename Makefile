# make setup     the environment in .venv and the compiled kernels
# make figures   all figures at the paper's scale
# make preview   all figures in minutes, at a reduced scale
# make ledger    docs/gallery: claims and figures, from the kept data
# make games     docs/games.md: every game, with a picture of an equilibrium
# make docs      the documentation as a site: build/docs/index.html
# make report    report.html: all figures with captions, the claims and the run times
# make test      the tests
# make coverage  the tests, and what of the package they reach, with a floor
# make test-lowest  tests of the simulator and its figures with the oldest dependencies allowed
# make test-slurm  the workflow on a real SLURM, started for it on this machine
# make test-storage  the workflow where no file system is shared: files in a store of their own, and in S3
# make test-faults  thousands of flipped bits, wrong configurations and kills; full disks
# make test-browser  explorer and report in a headless Chromium, installed for it if it may be
# make test-sanitize  the kernels' tests with bounds checks and the compiler's sanitizers
# make test-container  the steps of the container recipes in a Debian apart, and the bits of a preview there
# make test-aarch64  the kernels on an emulated aarch64: their tests, and the bits of runs
# make test-clang  the kernels' tests on builds by clang, installed for it if it may be
# make bench     times of kernels, beside Numba's, and of iterations; beside those of an earlier
#                revision: .venv/bin/python -m benchmarks --against REV
# make estimate  what the figures cost at the paper's scale, before they are made
# make verify    slow statistical checks: what is sampled against what is exact
# make lint      format, lint, types, and what imports what
# make crate     ro-crate-metadata.json: what made every run and figure, for other programs; checked by
#                a validator that reads the profiles from the network
#                (with CONFIGFILE=config/preview.yaml: of the preview)
# make check-workflows  .github and CITATION.cff, by check-jsonschema and zizmor
# make crosscheck  every game's moves, rewards, values and exploitability against those of
#                bench-mfg-suite, in an environment apart; equilibria and exploitability against its
#                and MFGLib's; and learning curves against a second implementation of Algorithm 2
PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
VENV = $(shell cd .venv 2>/dev/null && pwd -P || echo .venv)
BIN = $(VENV)/bin
CHECKS := .venv-checks/bin
# What is set for another Python would hide what is installed here, or change what the tests check.
unexport PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONOPTIMIZE PIP_PYTHON
# Into the environment, or a folder, wherever the user's settings of pip would have it; their indices
# stay.
pip = PIP_DRY_RUN=0 PIP_REQUIRE_HASHES=0 $(1)/bin/python -m pip install --quiet --quiet \
	--disable-pip-version-check --no-user --root=/ \
	$(if $(2),--prefix= --target=$(2),--target= --prefix="$$(cd $(1) && pwd -P)")
PIP = $(call pip,$(VENV))
# uv, where there is one, needs seconds for what is in its cache; where it fails, as it knows no index
# of pip's settings, pip installs. What is not imported is not compiled: that is half of pip's time.
UV := $(shell command -v uv)
INSTALL = $(if $(UV),$(UV) pip install --quiet --python $(BIN)/python $(1) 2>/dev/null ||) $(PIP) --no-compile $(1)
SOURCES := $(wildcard mfgcore/kernels/*.pyx mfgcore/kernels/*.pxi) setup.py pyproject.toml requirements.lock

REPORTED := figures/all figures/ablations figures/claims.pdf

.PHONY: setup figures preview ledger games docs report test coverage test-lowest test-slurm test-storage test-browser test-faults test-sanitize test-clang test-container test-aarch64 bench estimate verify lint crate check-workflows crosscheck

setup: .venv/.done

# An environment works in one folder and with one version of Python, which .venv/.done says.
FITS = .venv/bin/python -ISc 'import os, sys; print(*sys.version_info[:2], os.getcwd())'
UNFIT := $(shell test ! -s .venv/.done || test "$$($(FITS) 2>&1)" = "$$(cat .venv/.done)" || echo unfit)
.PHONY: $(UNFIT)

# pip and Snakemake cannot work with an environment in whose path is a space, a quote or a $: if that
# of this folder has one, the environment is elsewhere, and .venv leads there.
ODD := *[!A-Za-z0-9_@%+=:,./~-]*

.venv: $(UNFIT)
	@$(if $(UNFIT),echo "mfgcore: .venv was made in another folder or by another Python"; rm -rf $@)
	@case "$$(pwd -P)" in $(ODD)) \
		place="$${XDG_CACHE_HOME:-$$HOME/.cache}/mfgcore/$$(pwd -P | cksum | cut -d ' ' -f 1)"; \
		case "$$place" in $(ODD)) \
			echo "mfgcore: no environment can be in $$place: set XDG_CACHE_HOME to a plain path"; exit 1;; \
		esac; \
		mkdir -p "$$place" && ln -sfn "$$place" $@;; \
	esac

.venv/.done: $(SOURCES) $(UNFIT) | .venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed; set PYTHON=...")'
	@$(PYTHON) -I mfgcore/_base/environment.py
	@echo "mfgcore: a new environment in .venv, about a minute"
	@test -x .venv/bin/python || $(PYTHON) -m venv $(VENV)
	@$(call INSTALL,--constraint requirements.lock setuptools wheel cython)
	@echo "mfgcore: compiling the kernels, and installing the $$(grep -c == requirements.lock) packages of requirements.lock"
	@$(PIP) --no-build-isolation --no-deps --editable . & kernels=$$!; \
		{ $(call INSTALL,--requirement requirements.lock); } && wait $$kernels
	@$(FITS) >$@
	@echo "mfgcore: ready"

figures: setup
	$(BIN)/snakemake --cores $(CORES) figures/all

preview: setup
	$(BIN)/snakemake --cores $(CORES) figures/all --configfile config/preview.yaml

ledger: setup
	$(BIN)/python -m mfgcore.study.make_ledger

games: setup
	$(BIN)/python docs/make_games.py

.venv/.docs: .venv/.done docs/requirements.lock
	@$(PIP) --requirement docs/requirements.lock
	@touch $@

# -n -W: a link or reference that leads nowhere, as any warning, is an error. Begun afresh, as pages
# of what is gone would be left otherwise.
docs: .venv/.docs
	rm -rf docs/api build/docs build/doctrees
	$(BIN)/python -m sphinx -n -W --quiet -c docs -d build/doctrees . build/docs

report: setup
	$(BIN)/snakemake --cores $(CORES) $(REPORTED)
	$(BIN)/snakemake --cores $(CORES) $(REPORTED) --report report.html

test: setup
	$(BIN)/python -m pytest --numprocesses $(CORES) --dist loadfile

# From Python 3.14 on, measuring takes a twentieth of the time of the tests; before, a third or more.
coverage: setup
	$(BIN)/python -m pytest --numprocesses $(CORES) --dist loadfile --cov --cov-report=term:skip-covered

# What uses neither the workflow's packages nor is about what is installed.
LOWEST = tests/kernels/test_kernels.py tests/kernels/test_stepping.py tests/games tests/meanfield tests/agents/test_networks.py \
	tests/agents/test_algorithms.py tests/runs/test_datasets.py tests/runs/test_checkpoint.py tests/plotting/test_statistics.py

test-lowest: .venv-lowest/.done
	@# NumPy itself ignores this warning, of packages that were built with a later one
	.venv-lowest/bin/python -m pytest -W "ignore:numpy.ndarray size changed:RuntimeWarning" $(LOWEST)

.venv-lowest/.done: $(SOURCES)
	test -x .venv-lowest/bin/python || $(PYTHON) -m venv .venv-lowest
	$(call pip,.venv-lowest) uv
	.venv-lowest/bin/python -m uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct --editable '.[plot,test]'
	@touch $@

SLURM := "slurmctld slurmd sbatch munged" "slurmctld slurmd slurm-client munge"

test-faults: setup
	tests/install SLURM $(SLURM)
	@# Snakemake's own interface leaves temporary folders to the end of the process, which is said there
	$(BIN)/python -m pytest -p no:unraisableexception -m faults tests/faults tests/slurm tests/pipeline/test_own.py

# apart: Snakemake would load them in every job
STORAGE = $(dir $(BIN))storage

.venv/.storage: .venv/.done tests/storage/requirements.txt
	rm -rf $(STORAGE)
	@$(call pip,$(VENV),$(STORAGE)) --no-deps --requirement tests/storage/requirements.txt
	@touch $@

test-slurm: .venv/.storage
	tests/install SLURM $(SLURM)
	tests/install rsync rsync rsync
	PYTHONPATH=$(STORAGE) $(BIN)/python -m pytest -m "slurm and not faults" -rs tests/slurm

test-storage: .venv/.storage
	tests/install rsync rsync rsync
	PYTHONPATH=$(STORAGE) $(BIN)/python -m pytest -m storage -rs tests/storage

test-browser: setup
	tests/install Chromium chromium chromium
	$(BIN)/python -m pytest -m browser -rs tests/plotting/test_explorer.py tests/pipeline/test_workflow.py

test-sanitize: setup
	tests/sanitize $(BIN)/python

test-clang: setup
	tests/install clang clang-14 clang-14
	tests/clang $(BIN)/python

test-container: setup
	tests/install debootstrap debootstrap debootstrap
	tests/container/check $(BIN)/python

test-aarch64: setup
	tests/install debootstrap debootstrap debootstrap
	tests/install QEMU qemu-aarch64-static qemu-user-static
	nice -n 10 tests/container/aarch64 $(BIN)/python

bench: setup
	$(PIP) --requirement benchmarks/requirements.txt
	$(BIN)/python -m benchmarks

estimate: setup
	$(BIN)/mfgcore estimate --cores $(CORES)

verify: setup
	@failed=0; for check in sampled_return mean_field replay sampled_exploitability outcomes; do \
		$(BIN)/python verification/$$check.py || failed=1; done; exit $$failed

# without what a user keeps beside the project's files
TRACKED = $(wildcard $(shell git ls-files 2>/dev/null || echo .))

lint: setup
	$(BIN)/ruff check $(filter %.py %.ipynb pyproject.toml .,$(TRACKED))
	$(BIN)/ruff format --check $(filter %.py %.ipynb %.md .,$(TRACKED))
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/snakefmt --check $(filter %.smk %Snakefile .,$(TRACKED))
	$(BIN)/python tests/lint_workflow.py

crate: setup .venv-checks/.done
	$(BIN)/snakemake --cores $(CORES) ro-crate-metadata.json $(addprefix --configfile ,$(CONFIGFILE))
	$(CHECKS)/python -c "from rocrate_validator.cli import cli; cli()" --no-interactive validate --no-paging .

check-workflows: .venv-checks/.done
	$(CHECKS)/python -m check_jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(CHECKS)/python -m check_jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(CHECKS)/python -m check_jsonschema --builtin-schema vendor.github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(CHECKS)/python -m check_jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	$(CHECKS)/zizmor --offline --persona pedantic --quiet .github

.venv-checks/.done: tests/checks/requirements.txt
	test -x $(CHECKS)/python || $(PYTHON) -m venv .venv-checks
	$(call pip,.venv-checks) --requirement $<
	@touch $@

crosscheck: .venv-crosscheck/.done .venv-mfglib/.done
	.venv-crosscheck/bin/python -m pytest tests/crosscheck -s
	.venv-crosscheck/bin/python verification/learning_curves.py
	.venv-mfglib/bin/python -m pytest tests/crosscheck/test_mfglib.py -s

.venv-crosscheck/.done: $(SOURCES) tests/crosscheck/requirements.txt
	test -x .venv-crosscheck/bin/python || $(PYTHON) -m venv .venv-crosscheck
	$(call pip,.venv-crosscheck) --requirement requirements.lock --requirement tests/crosscheck/requirements.txt
	$(call pip,.venv-crosscheck) --no-build-isolation --no-deps --editable .
	@touch $@

.venv-mfglib/.done: $(SOURCES) tests/crosscheck/mfglib-requirements.txt
	test -x .venv-mfglib/bin/python || $(PYTHON) -m venv .venv-mfglib
	$(call pip,.venv-mfglib) --requirement tests/crosscheck/mfglib-requirements.txt setuptools cython
	$(call pip,.venv-mfglib) --no-build-isolation --editable .
	@touch $@
