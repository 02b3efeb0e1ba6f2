# Everything sets itself up: a machine needs Python 3.11 or newer, git and make.
#   make demo    watch kdiag diagnose a sick service
#   make test    the tests; with KDIAG_SLOW=short the slow ones too, in a shortened form
#   make check   what a change must pass: lint, types, import contracts, tests

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 4
CASE ?= pool

# Hundreds of processes are started by the tests: each would compile all of kdiag anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-slow collect check lint format bench clean

demo: $(VENV)/.installed
	$(BIN)/kdiag demo $(CASE)

test: $(VENV)/.dev-installed
	$(BIN)/pytest -n $(JOBS) --dist worksteal $(if $(KDIAG_SLOW),,-m "not slow") $(PYTEST_ARGS)

test-slow: $(VENV)/.dev-installed
	$(BIN)/pytest -n $(JOBS) --dist worksteal -m slow $(PYTEST_ARGS)

# Every worker imports all tests: once it was done, they are compiled. What fails is told when they run.
collect: $(VENV)/.dev-installed
	-@$(BIN)/pytest --collect-only >/dev/null

check: lint test

lint: $(VENV)/.dev-installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev-installed
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/.dev-installed
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist

$(VENV)/bin/pip:
	@test -n "$(PYTHON)" || { echo "kdiag needs Python 3.11 or newer with venv (Debian: apt install python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.dev-installed: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --editable . --group dev
	@touch $(VENV)/.installed $@
