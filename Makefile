# The one front door: `make help` lists the targets. CI runs `make test` and nothing else.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST := $(BIN)/python -m pytest
JOBS   ?= 2
COUNT  ?= 200
SEED   ?= 1

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1 - \2/p' $(MAKEFILE_LIST)

# One environment; each stamp says which pins it holds, so that a second `make` installs nothing.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: requirements/demo.txt pyproject.toml | $(VENV)/bin/python
	$(PIP) install -r requirements/demo.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: requirements/test.txt requirements/qat.txt requirements/targets.txt $(VENV)/.demo
	$(PIP) install -r requirements/test.txt
	@touch $@

env: $(VENV)/.test  ## make .venv with everything that the tests need

demo: $(VENV)/.demo  ## classify held-out images with the RTL of the shipped digits network, and build it for pynq, verified
	$(BIN)/hwgen run examples/digits_mlp.onnx --engine rtl --board pynq --input examples/digits_mlp_inputs.npy \
	    --output build/digits_mlp_scores.npy
	$(BIN)/python examples/classify.py build/digits_mlp_scores.npy examples/digits_mlp_labels.npy
	$(BIN)/hwgen build examples/digits_mlp.onnx --board pynq --input examples/digits_mlp_inputs.npy

test: env  ## the whole suite, simulation included
	$(PYTEST) -n $(JOBS) --dist worksteal $(PYTEST_ARGS)

fast: env  ## lint, types and unit tests
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST) -n $(JOBS) -q -m "not slow" $(PYTEST_ARGS)

sim: env  ## the kernel benches and the simulator's own tests
	$(PYTEST) -n $(JOBS) tests/kernels tests/sim $(PYTEST_ARGS)

networks: env  ## every real network of ../shared/models, to verified RTL and to every target: half an hour
	$(PYTEST) -n $(JOBS) --every-network tests/e2e/test_every_network.py tests/export $(PYTEST_ARGS)

random: env  ## random networks from QONNX to RTL: COUNT=200 SEED=1
	$(PYTEST) -s tests/e2e/test_random.py --networks $(COUNT) --seed $(SEED)

formal: env  ## the proofs by induction
	$(PYTEST) tests/formal $(PYTEST_ARGS)

golden: env  ## rewrite the golden texts; read the diff before you commit it
	$(PYTEST) -n $(JOBS) -q --update-golden -m "not slow"

bench: $(VENV)/.demo  ## time the tool itself
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/speed.py  # the integer model on one core

.PHONY: help env demo test fast sim networks random formal golden bench
