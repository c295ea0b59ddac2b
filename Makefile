# `make run` and `make test` do all their own set-up; what is done is kept in .venv and not done again.

# Bash, on macOS too, where sh is another.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first that is new enough: a version manager may answer to a name and have nothing behind it.
SYSTEM_PYTHON ?= $(firstword $(foreach name,python3 python3.15 python3.14 python3.13 python3.12 python3.11,\
	$(shell $(name) -c 'import sys; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)))
PYTHON := .venv/bin/python
PIP := $(PYTHON) -m pip --disable-pip-version-check -q
JS_TESTS := $(shell find tests/js -name '*.test.*js' 2>/dev/null)
# In CI a check that can't be run has failed.
with_npm = if command -v npm >/dev/null; then $(MAKE) -s tests/node_modules/ready && $(1); \
	else echo "npm is not installed: skipped $(1)"; [ -z "$${CI:-}" ]; fi

.PHONY: help install run test test-js test-valkey test-redis test-plain test-browser test-browsers lint types bench \
	bench-widget bench-search eval faults tools

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/installed ## the app and what it needs, in .venv

run: .venv/installed ## serve at http://localhost:8000
	@.venv/bin/chatsse run

# Side by side, since most tests wait for a process, a lease or a model; each prints when it is done.
test: .venv/ready tools ## all tests, with what they need
	@$(MAKE) -s --jobs=3 --output-sync=recurse \
		test-js test-valkey test-redis test-plain test-browser test-browsers

test-js:
	+@$(call with_npm,node --test $(JS_TESTS))

# What runs over each server, and what needs none.
test-valkey:
	$(PYTHON) -m pytest tests --ignore=tests/browser -k valkey

test-redis:
	$(PYTHON) -m pytest tests --ignore=tests/browser -k 'redis-server and not valkey'

test-plain:
	$(PYTHON) -m pytest tests --ignore=tests/browser -k 'not valkey and not redis-server'

# A run of its own: Playwright can't work in a process that gevent has patched.
test-browser:
	$(PYTHON) -m pytest tests/browser --ignore=tests/browser/others

# Firefox and WebKit, which Playwright would have to download.
test-browsers:
	$(PYTHON) -m pytest tests/browser/others

lint: .venv/ready ## style, and what tends to be a mistake
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check

types: .venv/ready ## the types, of Python and of JavaScript
	$(PYTHON) -m mypy
	@$(call with_npm,tests/node_modules/.bin/tsc --project tests)

bench: .venv/ready ## how much a token costs
	$(PYTHON) bench/run.py

bench-widget: .venv/ready ## what the widget costs the page that it is on
	$(PYTHON) bench/widget.py

bench-search: .venv/ready ## what a search costs
	$(PYTHON) bench/search.py

eval: .venv/ready ## how well the search finds
	$(PYTHON) bench/eval.py

faults: .venv/ready ## whether answers survive every fault there is
	$(PYTHON) bench/faults.py

tools:
	@tests/tools.sh

.venv/bin/python:
	@[ -n "$(SYSTEM_PYTHON)" ] \
	|| { echo "Please install Python 3.11 or newer, or name it: make SYSTEM_PYTHON=/path/to/python3"; exit 1; }
	@$(SYSTEM_PYTHON) -m venv .venv >/dev/null || { rm -rf .venv; false; } \
	|| { apt-get install -qq -y python3-venv && $(SYSTEM_PYTHON) -m venv .venv; } >/dev/null 2>&1 \
	|| { rm -rf .venv; echo "Please install Python's venv, e.g. on Debian: apt install python3-venv"; exit 1; }

# Touched last, so that what was interrupted is done again.
.venv/installed: .venv/bin/python setup.cfg pyproject.toml constraints.txt
	@echo "Installing into .venv"
	@$(PIP) install -c constraints.txt -e .
	@touch $@

.venv/ready: .venv/installed
	@$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@

tests/node_modules/ready: tests/package.json tests/package-lock.json
	@cd tests && npm ci --silent
	@touch $@
