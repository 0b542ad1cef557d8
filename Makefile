# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null \
  && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
SERVE ?= 1
WORKERS ?= 4
export OMP_NUM_THREADS ?= 1

.PHONY: docs install demo test test-slow run-tests lint system-packages clean

install: $(VENV)/.installed

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "install: no Python >= 3.11 and < 3.15 was found."; echo "Hint: install one, or name it: make install PYTHON=/path/to/python3.12"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "install: the venv module is missing."; echo "Hint: apt install python3-venv"; exit 2; }

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,spss,r]'
	@touch $@

# what the tests need holds what the others need: one search of the index for both
$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(VENV)/.installed $@

demo: install
ifeq ($(SERVE),0)
	$(BIN)/dta demo --no-serve
else
	$(BIN)/dta demo
endif

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

system-packages:
	@bash tests/system_packages.sh

# two at a time: what is installed comes over the network, and the type checker has one thread
test:
	@$(MAKE) --no-print-directory --jobs=2 $(VENV)/.installed-dev system-packages
	@$(MAKE) --no-print-directory --jobs=2 lint run-tests

run-tests: $(VENV)/.installed-dev
	@bash tests/run.sh

test-slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow -p no:cacheprovider

docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	$(BIN)/mkdocs build --strict --quiet

clean:
	rm -rf $(VENV) build dist site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
