# Everything a developer does. `make run` and `make test` work on a fresh machine with Python 3.11 to 3.13, make and, for
# tests on 3.11, a C compiler. Tests install torch: README says how to get it without gigabytes of CUDA.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt
RUN_EXTRAS := align,linear,examples
TEST_EXTRAS := align,linear,lightfm,deep,transport,pandas,sql,report,tune,examples,dev

.PHONY: run test format lint type bench build clean

run: $(VENV)/.run-ready
	$(BIN)/foretaste run examples/grocery/experiment.yaml

test: $(VENV)/.test-ready lint type
	$(BIN)/python -m pytest -n 2

format: $(VENV)/.test-ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(VENV)/.test-ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

type: $(VENV)/.test-ready
	$(BIN)/mypy

bench: $(VENV)/.test-ready
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

build: $(VENV)/.test-ready
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) dist build

$(VENV)/.run-ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[$(RUN_EXTRAS)]'
	touch $@

$(VENV)/.test-ready: pyproject.toml constraints.txt examples/custom-plugin/pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) -e '.[$(TEST_EXTRAS)]'
	$(PIP) --no-deps -e examples/custom-plugin
	touch $@ $(VENV)/.run-ready
