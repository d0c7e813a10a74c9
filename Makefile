# Every target sets up what it needs; a second run finds it done and takes seconds.
PYTHON ?= python3
PORT ?= 8501
# Anything but this machine needs RELABEL_ACCESS=accounts or oidc (docs/operations.md).
HOST ?= 127.0.0.1
VENV := .venv
BIN := $(VENV)/bin
# Two processes take turns with whole files of tests: half of the time is waiting for browsers.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: run test check stress soak lock format browser clean

run: $(VENV)/.runtime
	@$(BIN)/python -m labeling.access "$(HOST)"
	@$(BIN)/python -m db upgrade >/dev/null
	@echo "Relabel is at http://$(HOST):$(PORT)  (Ctrl-C stops it)"
	@exec $(BIN)/python -m streamlit run app.py --server.address="$(HOST)" --server.port=$(PORT) \
		--browser.serverAddress="$(HOST)"

test: $(VENV)/.dev browser
	$(PYTEST)

check: $(VENV)/.dev browser
	$(BIN)/python tools/lock.py --check
	$(BIN)/python tools/audit.py
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST)

# All stress tests in full: up to 45 minutes on 2 cores; the table is in build/stress.json too.
stress: $(VENV)/.dev browser
	RELABEL_STRESS=full $(BIN)/python -m pytest tests/stress

# What takes longer still: 30 minutes of everything at once, and ten times the fuzzing.
soak: $(VENV)/.dev browser
	RELABEL_STRESS=soak $(BIN)/python -m pytest tests/stress/test_t22_soak.py \
		tests/stress/test_t20_any_order.py tests/stress/test_t07_fuzzed_files.py

# After a change of requirements.txt.
lock: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(BIN)/python tools/lock.py
	$(BIN)/python tools/licences.py

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Never fails: without a browser the browser tests say how to get one (and fail if CI=true).
browser:
	@sh tests/browser/ensure_chromium.sh

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Relabel needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) -V). Set PYTHON=…" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# The locks are whole, so nothing else is resolved or fetched: --no-deps. torch comes without CUDA
# where pip knows such a build; else PyPI's build, with CUDA's libraries on Linux.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	--require-hashes
$(VENV)/.runtime: requirements.lock requirements-cpu.lock requirements-cuda.lock | $(VENV)/.python
	@$(INSTALL) -r requirements-cpu.lock 2>/dev/null || true
	$(INSTALL) -r requirements.lock
	@if $(BIN)/python tools/cuda_needed.py; then $(INSTALL) -r requirements-cuda.lock; fi
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements.txt requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
