# `make help` lists the targets. Packages go into .venv/, run-time data into .closure/; nothing needs root.

SHELL := /bin/bash
# The first Python that is new enough; else python3, whose set-up then says what is missing.
PYTHON ?= $(shell for candidate in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$candidate" && exit; \
	done; echo python3)
VENV_PYTHON := .venv/bin/python
TYPED := activities benchmarks closure commandline connectors database deploy keys records workflows \
	log_output.py settings.py starter.py worker.py

# The sandbox imports the workflows anew for every run of a closure: not from source each time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup server demo test up down lint bench lock clean

help:
	@echo 'make demo    set everything up, then carry sample accounts from start to outcome'
	@echo 'make test    set everything up, then run the whole test suite'
	@echo 'make up      local Temporal server, Web UI and worker in the background'
	@echo 'make down    stop what `make up` started (data stays in .closure/)'
	@echo 'make lint    ruff (lint and format) and mypy --strict'
	@echo 'make bench   the benchmarks'
	@echo 'make lock    write requirements.lock anew from pyproject.toml'
	@echo 'make clean   stop everything, delete .venv, .closure and caches in this folder'

setup:
	@command -v $(PYTHON) >/dev/null || { echo 'set-up failed: there is no python3 on PATH; install Python 3.11 or newer, or run `make PYTHON=/path/to/python3.11 …`.' >&2; exit 2; }
	@$(PYTHON) deploy/bootstrap.py

server: setup
	@$(VENV_PYTHON) -m deploy.prepare

demo: server
	@$(VENV_PYTHON) -m deploy.demo

test: server
	$(VENV_PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

up: setup
	@$(VENV_PYTHON) -m deploy.up

down: setup
	@$(VENV_PYTHON) -m deploy.down

lint: setup
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .
	$(VENV_PYTHON) -m mypy --strict $(TYPED)

bench: server
	@$(VENV_PYTHON) -m benchmarks

# Hashes for every platform and Python from 3.11 on; no index address is written into the file.
lock: setup
	$(VENV_PYTHON) -m pip install --quiet 'uv~=0.13'
	.venv/bin/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' --upgrade --quiet \
		--output-file requirements.lock

clean:
	@if [ -x $(VENV_PYTHON) ] && [ -d .closure ]; then $(VENV_PYTHON) -m deploy.down; fi
	rm -rf .venv .venv.lock .closure .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
