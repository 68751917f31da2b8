# `make study` and `make test` each set up everything they need on a fresh machine.
PYTHON ?= python3
BIN := .venv/bin
# The tested versions need Python 3.11; on 3.10 the ranges of pyproject.toml decide.
CONSTRAINTS := $(shell $(PYTHON) -c "import sys; print('-c constraints.txt' if sys.version_info >= (3, 11) else '')")

.PHONY: study test check bench clean

# Installed again only when what is to be installed has changed.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(CONSTRAINTS) -e '.[dev]'
	touch $@

study: .venv/installed
	$(BIN)/tokir run quickstart

test: .venv/installed
	$(BIN)/python -m pytest

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(MAKE) test

# Reads finished runs: `tokir run quickstart` and `tokir run best` first, or name others (benchmarks/all.py --help).
bench: .venv/installed
	$(BIN)/python benchmarks/all.py

clean:
	rm -rf .venv runs build dist
