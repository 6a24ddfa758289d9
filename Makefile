# Four commands: `make run`, `make lab`, `make dashboard`, `make test`. Each sets up .venv first, if needed.
# `make test` takes minutes; `make test-slow` what it leaves out: kills, full disks, network faults, a browser.
# With another Python, beside: `make test PYTHON=python3.13 VENV=build/py313`.
PYTHON ?= python3
VENV = .venv
RELEASES = -c constraints.txt
NOTEBOOK = llm_on_sudoku.ipynb
NOTEBOOKS = $(NOTEBOOK) $(wildcard notebooks/*.ipynb)
JUPYTER = $(VENV)/bin/jupyter
PIP_INSTALL = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check
PYTEST = OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -q -rs
TWO_CORES = --numprocesses=2 --dist=loadfile --no-loadscope-reorder

.PHONY: run lab dashboard test lint test-fast test-slow test-wandb test-gpu refresh bench golden drift lowest

# Offline, so that it does the same for everybody; `make lab` uses your account if you are logged in.
run: $(VENV)/ready
	@echo "Executing $(NOTEBOOK), offline: some three minutes"
	WANDB_MODE=offline $(JUPYTER) nbconvert --to notebook --execute --output-dir build --log-level WARN $(NOTEBOOK)
	$(VENV)/bin/python -m sudoku_sweep report $${SUDOKU_PRESET:-quick}
	@echo "The executed notebook is build/$(NOTEBOOK)"

lab: $(VENV)/ready
	$(JUPYTER) lab $(NOTEBOOK)

# All local sweeps in a browser, each run when it has ended.
dashboard: $(VENV)/ready
	$(VENV)/bin/python -m sudoku_sweep dashboard

test: lint test-fast

lint: $(VENV)/ready
	$(VENV)/bin/ruff check --quiet .
	$(VENV)/bin/ruff format --quiet --check .

test-fast: $(VENV)/ready
	$(PYTEST) $(TWO_CORES) -m "not slow and not drift"

test-slow: $(VENV)/ready
	$(PYTEST) $(TWO_CORES) -m "slow and not drift" tests

# What is true of wandb itself; part of `make drift`.
test-wandb: $(VENV)/ready
	$(PYTEST) -m drift tests

test-gpu: $(VENV)/ready
	SUDOKU_TEST_GPU=1 $(PYTEST) -m gpu tests

# Execute the committed notebooks again, in place, after a change of code or prose.
# Offline, and in a folder of its own: Cell 10 would find a sweep made before, and train nothing.
refresh: $(VENV)/ready
	rm -rf build/refresh && mkdir -p build/refresh && cp -r $(NOTEBOOK) notebooks build/refresh
	cd build/refresh && WANDB_MODE=offline $(CURDIR)/$(JUPYTER) nbconvert --to notebook --execute --inplace \
		--log-level WARN --ExecutePreprocessor.record_timing=False $(NOTEBOOKS)
	cp build/refresh/$(NOTEBOOK) . && cp build/refresh/notebooks/*.ipynb notebooks
	$(JUPYTER) nbconvert --coalesce-streams --log-level WARN $(NOTEBOOKS)  # in place: what a cell prints is one piece
	$(JUPYTER) nbconvert --to markdown --output-dir build --log-level WARN notebooks/grid_240.ipynb
	# The pictures of README and guide: cell and output. images/dashboard.png is a screenshot, taken by hand of
	# `python -m sudoku_sweep dashboard` after `python -m sudoku_sweep sweep --prior data/grid_240.csv`; images/leet.png is
	# one of `wandb leet ./wandb` after the runs of `python -m sudoku_sweep sweep --preset quick`.
	cp build/grid_240_files/grid_240_5_0.png images/curves.png
	cp build/grid_240_files/grid_240_7_0.png images/parallel.png

# Half an hour on a quiet machine; it writes the tables of benchmarks/README.md. Lightning is one of the peers.
bench: $(VENV)/ready
	$(PIP_INSTALL) -e ".[bench]" $(RELEASES)
	$(VENV)/bin/python -m benchmarks

# Ask W&B's own engine again what the tests hold against; it needs an environment of its own (numpy < 2).
golden:
	$(PYTHON) -m venv build/golden
	build/golden/bin/python -m pip install --quiet --disable-pip-version-check "sweeps==0.3.0" "numpy<2"
	PYTHONPATH=. build/golden/bin/python -W ignore scripts/ask_wandb_engine.py

# What breaks with today's newest releases, instead of those that the project was tested with?
drift:
	rm -rf build/drift
	$(MAKE) build/drift/ready VENV=build/drift RELEASES=
	build/drift/bin/python tests/drift/drift.py
	$(MAKE) test-wandb test-fast test-slow VENV=build/drift RELEASES=

# And with the oldest releases that pyproject.toml names, and the newest of the rest?
lowest:
	rm -rf build/lowest && mkdir -p build/lowest
	sed -n 's/^    "\(.*\)>=\(.*\)",$$/\1==\2/p' pyproject.toml > build/lowest.txt
	$(MAKE) build/lowest/ready VENV=build/lowest RELEASES="-c build/lowest.txt"
	build/lowest/bin/python tests/drift/drift.py
	$(MAKE) test-wandb test-fast test-slow VENV=build/lowest RELEASES="-c build/lowest.txt"

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) -e ".[test,dashboard]" $(RELEASES)
	touch $@
