# `make help` lists the targets. Packages go into .venv/, run-time data into .closure/; nothing needs root.

SHELL := /bin/bash
# The first Python that is new enough; else python3, whose set-up then says what is missing.
PYTHON ?= $(shell for candidate in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$candidate" && exit; \
	done; echo python3)
VENV_PYTHON := .venv/bin/python
TYPED := activities benchmarks client closure commandline connectors database examples keys local records temporal tests \
	web workflows bootstrap.py installation.py log_output.py own_packages.py private_files.py program_exit.py program_version.py settings.py starter.py web_program.py worker.py

# The sandbox imports the workflows anew for every run of a closure: not from source each time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup server demo test test-programs test-all up down lint bench lock clean

help:
	@echo 'make demo    set everything up, then close sample accounts; KEEP=1 leaves everything running'
	@echo 'make test    set everything up, then run the tests that need no system package'
	@echo 'make test-all  those, then the core on PostgreSQL, and the long faults and fuzzing'
	@echo 'make up      local Temporal server, Web UI, worker and API in the background'
	@echo 'make down    stop what `make up` started (data stays in .closure/)'
	@echo 'make lint    ruff (lint and format), mypy --strict, import-linter'
	@echo 'make bench   the benchmarks'
	@echo 'make lock    write requirements.lock anew from pyproject.toml'
	@echo 'make clean   stop everything, delete .venv, .closure and caches in this folder'

setup:
	@command -v $(PYTHON) >/dev/null || { echo 'set-up failed: there is no python3 on PATH; install Python 3.11 or newer, or run `make PYTHON=/path/to/python3.11 …`.' >&2; exit 2; }
	@$(PYTHON) local/set_up.py

server: setup
	@$(VENV_PYTHON) -m local.prepare

demo: server
	@$(VENV_PYTHON) -m local.demo $(if $(KEEP),--keep)

PYTEST := $(VENV_PYTHON) -m pytest --dist loadfile --no-loadscope-reorder

# No test has to wait while they are built. Where they can't be, their tests say so.
test-programs: setup
	-$(VENV_PYTHON) -m tests.harness.go_programs

test: server
	@# Most of a test is waiting: two processes for each of two cores. What is long keeps a core busy.
	$(PYTEST) -n 4 -m 'not postgresql and not long'

# The first part is `make test`; a machine that lacks what the rest needs skips it by name, but not with CI set.
test-all: test test-programs
	$(PYTEST) -n 2 -m 'postgresql or long'
	@# The core once more, with PostgreSQL for the record and the embedded platform.
	$(PYTEST) -n 4 --database postgresql -m 'not long' tests/workflows tests/client tests/web

up: setup
	@$(VENV_PYTHON) -m local.up

down: setup
	@$(VENV_PYTHON) -m local.down

lint: setup
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .
	$(VENV_PYTHON) -m mypy --strict $(TYPED)
	@# By its text: to mypy the entry point web.py and the package web would be one module.
	$(VENV_PYTHON) -m mypy --strict --command "$$(cat web.py)"
	.venv/bin/lint-imports --no-cache

bench: server
	@$(VENV_PYTHON) -m benchmarks
	@$(VENV_PYTHON) -m benchmarks.listing
	@$(VENV_PYTHON) -m benchmarks.customer_pages
	@$(VENV_PYTHON) -m benchmarks.floor
	@$(VENV_PYTHON) -m benchmarks.transactions
	@$(VENV_PYTHON) -m benchmarks.open_closures
	@$(VENV_PYTHON) -m benchmarks.staff_pages

# Hashes for every platform and Python from 3.11 on; no index address is written into the file.
lock: setup
	$(VENV_PYTHON) -m pip install --quiet 'uv~=0.13'
	.venv/bin/uv pip compile pyproject.toml --extra web --group dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' --upgrade --quiet \
		--output-file requirements.lock

clean:
	@if [ -x $(VENV_PYTHON) ] && [ -d .closure ]; then $(VENV_PYTHON) -m local.down; fi
	rm -rf .venv .venv.lock .closure .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
