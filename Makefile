# run: the window on the sample project    test: everything checked    lint: style, types, layers
# bench: each benchmark prints ratios      Every target sets up .venv by itself.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Everyday tests leave out those that take minutes; CI (or SLOW=1) runs them, and leaves out
# those that train on real data for the figures in the docs (FIGURES=1 runs all).
MARKS := $(if $(FIGURES),,-m "not $(if $(CI)$(SLOW),figures,slow)")
# Real processes and windows on a shared machine: CI tries a failed test once more and says so.
RERUNS := $(if $(CI),--reruns 1)
# A file's tests stay in one process: they share fixtures that are dear to make.
WORKERS := -n 2 --dist loadfile

.PHONY: run test lint bench clean
run: $(READY)
	@$(BIN)/visionstudio demo

test: $(READY)
	@sh .ci/system-packages test
	$(BIN)/python -m pytest $(WORKERS) $(MARKS) $(RERUNS) $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	@sh .ci/system-packages test
	@for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build dist

$(READY): pyproject.toml .ci/system-packages
	@python=""; \
	for p in python3.13 python3.12 python3.11 python3; do \
	  if $$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; \
	  then python=$$p; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "error: no Python 3.11, 3.12 or 3.13 with venv found; install one (Debian/Ubuntu: apt install python3 python3-venv)" >&2; exit 1; fi; \
	echo "Setting up $(VENV) with $$($$python --version) (a few minutes, about 5 GB)"; \
	$$python -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@sh .ci/system-packages run
	@touch $@
