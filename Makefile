# Three commands: `make run`, `make lab`, `make test`. Each sets up .venv first, if needed.
PYTHON ?= python3
NOTEBOOK = llm_on_sudoku.ipynb
JUPYTER = .venv/bin/jupyter

.PHONY: run lab test test-gpu refresh bench golden

# Offline, so that it does the same for everybody; `make lab` uses your account if you are logged in.
run: .venv/ready
	WANDB_MODE=offline $(JUPYTER) nbconvert --to notebook --execute --output-dir build --log-level WARN $(NOTEBOOK)
	.venv/bin/python -m sudoku_sweep report
	@echo "The executed notebook is build/$(NOTEBOOK)"

lab: .venv/ready
	$(JUPYTER) lab $(NOTEBOOK)

test: .venv/ready
	.venv/bin/ruff check --quiet .
	.venv/bin/ruff format --quiet --check .
	OMP_NUM_THREADS=1 .venv/bin/python -m pytest -q -rs

test-gpu: .venv/ready
	SUDOKU_TEST_GPU=1 .venv/bin/python -m pytest -q -rs -m gpu tests

# Execute the committed notebook again, in place, after a change of code or prose.
refresh: .venv/ready
	$(JUPYTER) nbconvert --to notebook --execute --inplace --log-level WARN \
		--ExecutePreprocessor.record_timing=False $(NOTEBOOK)
	$(JUPYTER) nbconvert --coalesce-streams --log-level WARN $(NOTEBOOK)  # in place: what a cell prints is one piece
	$(JUPYTER) nbconvert --to markdown --output-dir build --log-level WARN $(NOTEBOOK)
	# The pictures of README and guide: cell and output.
	cd build/llm_on_sudoku_files && \
		cp llm_on_sudoku_29_0.png ../../images/curves.png && \
		cp llm_on_sudoku_29_1.png ../../images/parallel.png && \
		cp llm_on_sudoku_31_0.png ../../images/importance.png && \
		cp llm_on_sudoku_45_1.png ../../images/solved.png

# More than an hour on a quiet machine. Lightning is one of the peers.
bench: .venv/ready
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -e ".[bench]" -c constraints.txt
	OMP_NUM_THREADS=1 .venv/bin/python -m benchmarks

# Ask W&B's own engine again what the tests hold against; it needs an environment of its own (numpy < 2).
golden:
	$(PYTHON) -m venv build/golden
	build/golden/bin/python -m pip install --quiet --disable-pip-version-check "sweeps==0.3.0" "numpy<2"
	PYTHONPATH=. build/golden/bin/python -W ignore tests/golden/make.py

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -e ".[test]" -c constraints.txt
	touch $@
