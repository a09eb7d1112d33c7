.DEFAULT_GOAL := help
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
JOBS   ?= 6   # on two cores: many tests wait for a scaled time to pass; five take as long (178 s and 180 s)

# Tests start hundreds of programs: each would compile all modules anew where the environment forbids to keep them.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup test pytest test-long lint generate docs lock demo e2e chaos e2e-kubernetes alerts-seen containers bench release clean

help:       ## Show this help
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)   ## Make the virtual environment and install everything into it

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Riverkeeper needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'   # dependency groups (PEP 735)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]' --group dev
	@touch $@

test: $(READY)   ## Lint, types, and every test that needs no Go (three minutes on two cores)
	@$(MAKE) --no-print-directory --jobs 2 lint pytest   # mypy takes 15 s on one core, and the tests begin on the other

pytest: $(READY)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

test-long: $(READY)   ## Property tests with many more examples; every mutation made, to see its tests fail
	RIVERKEEPER_TEST_LONG=1 $(BIN)/python -m pytest -n $(JOBS) -m long $(ARGS)

lint: $(READY)   ## ruff and mypy, strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

generate: $(READY)   ## Write again what is generated: tables in docs/, rules, dashboards, manifests
	$(BIN)/python -m riverkeeper.generate
	$(BIN)/python release/chart.py

docs: $(READY)   ## Build the site into site/ (docs/theme, mkdocs.yml)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict $(ARGS)

lock: $(READY)   ## Pin what the image installs, with hashes (ARGS=--upgrade for newer releases)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group lock
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' | \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command 'make lock' \
	  --extra kubernetes --output-file requirements.lock $(ARGS) pyproject.toml -

demo: $(READY)   ## Riverkeeper rescues jobs of a simulated fleet on an embedded Postgres (ARGS="--seconds 60" to stop by itself)
	$(BIN)/riverkeeper demo $(ARGS)

e2e: $(READY)   ## The end-to-end suite: real River clients, real Prometheus (needs Go)
	bash tests/e2e/run $(ARGS)

e2e-kubernetes: $(READY)   ## The Helm chart and the manifests against a real API server (needs Go)
	bash tests/kubernetes/run $(ARGS)

chaos: $(READY)   ## Real workers and replicas under seeded faults (needs Go): ARGS="--seconds 600 --seed 7"
	bash tests/e2e/tools.sh fleet
	PYTHONPATH=tests $(BIN)/python -m e2e.chaos $(ARGS)

alerts-seen: $(READY)   ## A month of incidents on real parts in scaled time, and who was notified of what (needs Go; half an hour)
	bash tests/e2e/tools.sh
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group e2e
	PYTHONPATH=tests $(BIN)/python -m e2e.replay --write $(ARGS)

containers:   ## Build the images, run the compose demo and kill a worker in it (needs a Docker daemon)
	bash tests/containers/run

bench: $(READY)   ## The benchmarks; results with method in docs/performance.md
	$(BIN)/python benchmarks/run.py $(ARGS)

release: $(READY)   ## Everything of a release into dist/, each part tried from an empty environment (needs Go)
	bash release/run

clean:      ## Remove the virtual environment and caches
	rm -rf $(VENV) dist site .mypy_cache .ruff_cache .pytest_cache tests/e2e/render/node_modules tests/e2e/render/dist
