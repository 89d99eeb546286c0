# Everything runs from a fresh clone with Python 3.11 and make; the environment is made in .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
INSTALLED := .venv/.installed
INSTALLED_DOCS := .venv/.installed-docs
PYTEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(BIN)/python -m pytest

.PHONY: demo test test-all lint docs bench clean

demo: $(INSTALLED)  ## the chain for PbTiO3, from the potential to the loop, with its report
	$(BIN)/multiscale run pipelines/pbtio3-quick.toml

test: lint  ## style, types and the tests; under 15 minutes on 2 cores
	$(PYTEST) -n 2

test-all: lint  ## the same with the slow checks
	$(PYTEST) -n 2 -m "slow or not slow"

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict -p multiscale

docs: $(INSTALLED_DOCS)  ## docs/_build/html/index.html; warnings are errors
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

bench: $(INSTALLED)  ## one JSON object per line for each figure of speed or accuracy
	@set -e; for script in benchmarks/*.py; do $(BIN)/python $$script; done

clean:  ## what can be made again, except runs/
	rm -rf .venv build dist docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# PLUMED's Python interface is built from source. Without a C compiler the rest is installed:
# the embedded metadynamics does not need it, and the tests of the bridge skip.
$(INSTALLED): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt torch==2.13.0 -e '.[plumed,dask,test]' || { \
	  echo "Installing everything with the plumed extra failed (see above; it needs a C compiler). Trying without it."; \
	  $(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt torch==2.13.0 -e '.[dask,test]'; }
	@touch $@

$(INSTALLED_DOCS): $(INSTALLED)
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[docs]'
	@touch $@
