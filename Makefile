# The front door. It needs Python >= 3.11, git and make; everything else comes with the first target.

PYTHON ?= python3
JOBS ?= 2
KILLS ?= 500
REPO ?= .
SEEDS ?= 200
TESTS ?= tests
UPGRADE ?=

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BROWSER := $(VENV)/.browser

# Agents that run `python` or `ruff` as a process find those of the project.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help demo test pictures check bench bench-peers crash sim lock clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(READY) ## Let a team of agents review a repository (REPO=.), and a policy stop a poisoned ticket
	$(BIN)/podium run examples/code-review --input repo=$(REPO) --input out=podium-review --resume
	cd examples/refund && export PODIUM_STATE=.podium && python shop.py open && \
		podium run . --input ticket=T-1 && podium run . --input ticket=T-3 && python shop.py books

test: $(READY) $(BROWSER) ## Run the tests (TESTS=tests/store JOBS=2)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(TESTS)

pictures: $(READY) $(BROWSER) ## Take the pictures of the console again, into docs/images
	$(BIN)/python -m tests.console.pictures docs/images

check: $(READY) ## Check format, style, types and floors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict src
	$(BIN)/lint-imports --no-logo

bench: $(READY) ## Measure speed, memory and recovery; figures go to bench/results/latest.json
	$(BIN)/python -m bench

bench-peers: $(READY) ## Measure the same workload on other engines; figures go to bench/results/peers.json
	$(BIN)/python -m bench.peers

crash: $(READY) ## Kill real hubs at random moments and count what is lost (KILLS=500)
	$(BIN)/python -m tests.crash --kills $(KILLS)
	$(BIN)/python -m tests.crash.fleet --workers 20

sim: $(READY) ## Run the hub in simulated worlds (SEEDS=200)
	$(BIN)/python -m podium.sim --seeds $(SEEDS)

# The tests of the console take a browser; whoever may not install it is told how, by the test that misses it.
$(BROWSER): $(READY)
	@{ command -v chromium >/dev/null || command -v google-chrome >/dev/null || [ -n "$$PODIUM_CHROMIUM" ] || \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
		apt-get install -y -qq --no-install-recommends chromium >/dev/null; }; } && touch $@ || \
		echo 'no Chromium: the tests of the console will fail; install it with: apt-get install -y chromium' >&2

lock: $(READY) ## Resolve the dependencies again; UPGRADE=1 takes the newest releases
	$(BIN)/uv pip compile --no-config --quiet --universal --python-version 3.11 --extra dev \
		--generate-hashes --custom-compile-command 'make lock' \
		$(if $(UPGRADE),--upgrade) --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --no-config --quiet --universal --python-version 3.11 --constraints requirements.lock \
		--generate-hashes --custom-compile-command 'make lock' \
		--output-file deploy/requirements.lock pyproject.toml

clean: ## Remove what the targets made, except state folders
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find bench examples src tests -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# The stamp comes last, so an interrupted installation starts again.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; v < (3, 11) and \
		sys.exit("podium needs Python 3.11 or newer; $(PYTHON) is %d.%d. Try: make PYTHON=python3.12" % v)'
	@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
