# Two commands are enough: `make run` and `make test`. Both make .venv by themselves, install
# exactly what constraints.txt pins, fetch a recognizer's and a voice's model (110 MB, into the
# user's cache folder), and need no network once that is done. The suite runs in JOBS processes, but
# for real engines in real time: those would wait for each other.

PYTHON ?= python3
VENV   := .venv
JOBS   ?= 2
BIN    := $(VENV)/bin
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# `mypy` sees the root as the package `parley` through a folder that holds just that name.
TYPING := $(VENV)/typing

# Python compiles what is imported, and keeps it: all that pip could compile takes half a minute, and
# the tests start Python hundreds of times.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-all coverage test-browser fuzz chaos soak check check-style demo doctor models clean

run: $(VENV)/.installed models
	$(BIN)/parley serve

# A few of each kind of test, in some fifteen minutes; `make test-all` runs every one, in over an hour.
test: $(VENV)/.installed-dev models
	@for model in tiny smollm2; do $(BIN)/parley models pull $$model > /dev/null || \
	  echo "without the model $$model its tests are skipped"; done
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow"
	$(BIN)/python -m pytest -m slow

test-all: export PARLEY_TEST_ALL = 1
test-all: test test-browser

# Which lines the tests reach. Tracing makes them two to three times slower.
coverage: $(VENV)/.installed-dev models
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow" --cov --cov-report=term:skip-covered

test-browser: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --no-compile -e '.[browser]'
	$(BIN)/python -m pytest tests/browser

# Strangers, faults and time: each runs for minutes and ends with a table of what it measured.
# `make test` has a short form of all three. Loopback only.
# What `make fuzz` needs beside is atheris; FUZZ_SECONDS bounds each of its targets, and with
# FUZZ_FOLDER a run goes on where the one before it ended.
fuzz: $(VENV)/.installed-dev models
	$(BIN)/python -m pip install --quiet -e '.[fuzz]'
	$(BIN)/python -m pytest tests/hostile/fuzz --full -p no:cacheprovider

chaos: $(VENV)/.installed-dev models
	$(BIN)/python -m pytest tests/hostile/chaos --full -p no:cacheprovider

soak: $(VENV)/.installed-dev models
	$(BIN)/python -m pytest tests/hostile/soak --full -p no:cacheprovider

check: check-style $(TYPING)/parley
	MYPYPATH=$(TYPING):tests $(BIN)/mypy -p parley
	MYPYPATH=$(TYPING):examples/agents/viva $(BIN)/mypy --explicit-package-bases examples/agents/viva
	$(BIN)/python scripts/check_wheel.py

check-style: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

demo: $(VENV)/.installed models
	$(BIN)/parley demo

doctor: $(VENV)/.installed
	$(BIN)/parley doctor

# Without a network there are no models, and pocketsphinx and espeak do what they can.
models: $(VENV)/.installed
	@[ -e $(VENV)/.models ] || { $(BIN)/parley models pull defaults > /dev/null && touch $(VENV)/.models; } || \
	  echo "the models could not be fetched: pocketsphinx hears and espeak speaks, until \`make models\` works"

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Parley needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + ": make PYTHON=python3.12 run")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	@echo "installing into $(VENV): a minute or so, once"
	$(BIN)/python -m pip install --quiet --no-compile -e '.[piper]'
	@touch $@

$(VENV)/.installed-dev: $(BIN)/python pyproject.toml constraints.txt
	@echo "installing into $(VENV), with what the tests need: a minute or so, once"
	$(BIN)/python -m pip install --quiet --no-compile -e '.[piper,test,check,deploy]'
	@touch $@ $(VENV)/.installed

$(TYPING)/parley:
	@mkdir -p $(TYPING)
	@ln -sfn ../.. $@
