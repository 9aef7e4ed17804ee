# Two commands are enough: `make demo` and `make test`. Each makes .venv and installs into it what it needs; a second run finds it done.
# Variables: PYTHON=python3.12 (which Python makes .venv), ARGS='-k expired' (more for pytest); for the demo API=flask|django|starlette|all,
# TOKEN=jwt|opaque, PORT=9000.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= $(shell .ci/pythons | head -n 1)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip --disable-pip-version-check install -qq --constraint tests/constraints.txt
# hatchling is in the group `build`: with isolation pip would fetch another one, past the constraints.
PACKAGE := --no-build-isolation --editable '.[all]'
PYTEST := $(BIN)/python -m pytest
DESCRIPTION := pyproject.toml tests/constraints.txt

.PHONY: help
help:  ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | column -t -s "$$(printf '\t')"

# --- What everything stands on -------------------------------------------------------------------------------------------------------

$(BIN)/python:
	@.ci/venv "$(PYTHON)" .venv

.venv/.ready-demo: $(DESCRIPTION) | $(BIN)/python
	@echo "Installing what the demo needs into .venv"
	@$(INSTALL) --group demo
	@$(INSTALL) $(PACKAGE)
	@touch $@

.venv/.ready-test: $(DESCRIPTION) | $(BIN)/python
	@echo "Installing what the tests need into .venv"
	@$(INSTALL) --group tests --group lint
	@$(INSTALL) $(PACKAGE)
	@touch $@ .venv/.ready-demo

.venv/.ready-work: .venv/.ready-test
	@$(INSTALL) --group mutants --group audit
	@touch $@

# The gateways that Debian has; the others come from wheels, for `make gateways` alone (350 MB).
GATEWAYS := nginx-light:nginx libnginx-mod-http-js caddy:caddy haproxy:haproxy apache2-bin:apache2 lua-socket

# Whatever the tests start that no wheel brings, named all at once. Playwright's own node is linked against libatomic1.
.PHONY: programs
programs:
	@.ci/debian chromium:chromium libatomic1 $(GATEWAYS)

.venv-gateways/.ready: tests/integration/gateways/wheels.txt | $(BIN)/python
	@.ci/venv "$(PYTHON)" .venv-gateways
	@.venv-gateways/bin/python -m pip --disable-pip-version-check install -qq --requirement tests/integration/gateways/wheels.txt
	@touch $@

# --- The two commands ----------------------------------------------------------------------------------------------------------------

.PHONY: demo
demo: .venv/.ready-demo  ## Run all four roles on loopback: API=django TOKEN=opaque
	@$(BIN)/python -m examples.demo

.PHONY: test
test: programs check-format lint types public-types contracts suite  ## Every gate, every test, the coverage, the documents and the wheel

.PHONY: check
check: check-format lint types contracts fast  ## The fast gates and tests, under a minute: before each commit

.PHONY: fast
fast: .venv/.ready-test
	$(PYTEST) tests/unit/guard tests/unit/rules tests/unit/io tests/quality/test_static_gates.py tests/quality/test_grants.py -q --numprocesses 2 $(ARGS)

# --- The gates, one by one -----------------------------------------------------------------------------------------------------------

.PHONY: check-format
check-format: .venv/.ready-test  ## Formatting
	$(BIN)/ruff format --check .

.PHONY: lint
lint: .venv/.ready-test  ## Lint
	$(BIN)/ruff check .

.PHONY: types
types: .venv/.ready-test  ## mypy, strict; pyright, strict, on the uses of the public names in tests/contract/typing
	$(BIN)/mypy
	PATH="$$PWD/$(BIN):$$PATH" $(BIN)/pyright

.PHONY: public-types
public-types: .venv/.ready-test  ## Whether every public name has a complete type
# pyright ignores --pythonpath here and asks the first python on PATH.
	PATH="$$PWD/$(BIN):$$PATH" $(BIN)/pyright --ignoreexternal --verifytypes iiniit_guard

.PHONY: contracts
contracts: .venv/.ready-test  ## Which module may import which
	$(BIN)/lint-imports

.PHONY: suite
suite: .venv/.ready-test programs  ## All tests with branch coverage of the package: ARGS='-k expired'
	$(PYTEST) --numprocesses 2 --dist loadgroup --cov=iiniit_guard $(ARGS)

# --- Beside `make test` --------------------------------------------------------------------------------------------------------------

.PHONY: install
install: .venv/.ready-work programs  ## Prepare .venv for work on the package

.PHONY: matrix
matrix: programs  ## The tests against the built wheel, on every Python from 3.11 on that is found
	.ci/matrix $(ARGS)

.PHONY: docs
docs: .venv/.ready-test  ## Run every block and follow every link of README and docs
	$(PYTEST) tests/quality/test_docs.py $(ARGS)

.venv-bench/.ready: $(DESCRIPTION) tests/load/benchmarks/peers.txt
	@.ci/venv "$(PYTHON)" .venv-bench
	@echo "Installing the package and who runs beside it into .venv-bench"
	@.venv-bench/bin/python -m pip --disable-pip-version-check install -qq --constraint tests/constraints.txt --group build --group servers
	@.venv-bench/bin/python -m pip --disable-pip-version-check install -qq --constraint tests/constraints.txt $(PACKAGE)
# Each by itself: one that does not install is named in the table and takes no other with it.
	@grep -v '^#' tests/load/benchmarks/peers.txt | while read -r peer; do \
	  .venv-bench/bin/python -m pip --disable-pip-version-check install -qq --constraint tests/constraints.txt "$$peer" \
	    || echo "$$peer does not install"; done
	@touch $@

.PHONY: bench
bench: .venv-bench/.ready  ## The goals for time and memory beside their baselines and peers, in seven minutes: ARGS=--quick
	@.ci/debian wrk:wrk nginx-light:nginx redis-server
	.venv-bench/bin/python -m tests.load.benchmarks $(ARGS)

# atheris has wheels for some Pythons and machines only; without it the fuzzer is not guided by coverage.
.venv/.ready-fuzz: .venv/.ready-test
	@$(INSTALL) --group fuzz || echo "atheris does not install here: fuzzing goes on without it"
	@touch $@

.PHONY: fuzz
fuzz: .venv/.ready-fuzz  ## Every parser for SECONDS_EACH=60, then the properties for longer with new examples: ARGS='-k promise'
	$(BIN)/python -m tests.quality.fuzz --seconds $(or $(SECONDS_EACH),60)
	$(PYTEST) tests/contract/properties tests/quality/fuzz tests/unit/rules tests/unit/core -m hypothesis --numprocesses 2 --hypothesis-profile fuzz $(ARGS)

.PHONY: mutants
mutants: .venv/.ready-work  ## Change the core line by line and see a test fail for it: ARGS='*jose*', ARGS=--survivors
	$(BIN)/python tests/quality/mutation/run.py $(ARGS)

.PHONY: audit
audit: .venv/.ready-work  ## Known vulnerabilities of the releases in tests/constraints.txt
	$(BIN)/pip-audit --strict --disable-pip --no-deps --requirement tests/constraints.txt $(ARGS)

.PHONY: soak
soak: .venv/.ready-test  ## A quarter of an hour at steady load, with a rotation and an outage inside: ARGS=--zipf
	@.ci/debian wrk:wrk
	$(BIN)/python -m tests.load.soak $(ARGS)

.PHONY: differential
differential: .venv/.ready-test  ## The guard beside an independent verifier, 160,000 questions, some ten minutes: ARGS=--seed=7, ARGS=--part=10
	$(BIN)/python -m tests.contract.differential $(ARGS)

.PHONY: floods
floods: .venv/.ready-test  ## 100,000 requests of each kind of garbage, and what a good client feels: ARGS=20000
	$(BIN)/python -m tests.load.floods $(ARGS)

.PHONY: gateways
gateways: .venv/.ready-test .venv-gateways/.ready  ## The recipes of all gateways, also of those that Debian does not have, attacked while they run
	@.ci/debian $(GATEWAYS)
	GATEWAYS_VENV="$$PWD/.venv-gateways" $(PYTEST) tests/integration/gateways --numprocesses 2 --dist loadgroup $(ARGS)

.PHONY: format
format: .venv/.ready-test  ## Format, and mend what lint can mend
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .

.PHONY: clean
clean:  ## Remove what was built and every cache, not the virtual environments
	rm -rf build dist site htmlcov mutants .cache .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find iiniit_guard tests examples -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean  ## Remove the virtual environments too
	rm -rf .venv .venv-*
