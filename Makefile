# `make study` and `make test` each set up everything they need on a fresh machine.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: study test check bench clean

# Installed again only when what is to be installed has changed.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
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
