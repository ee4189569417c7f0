# The entry points: `make demo`, `make test`, `make notebooks`, `make docs`, and `make parity` against the
# reference implementation.
PYTHON ?= python3
VENV ?= .venv
EXTRAS ?= offline,test,kokoro
TEST_EXTRAS ?= offline,test,quality,speakers,faster,train,kokoro,docs
PARITY_VENV ?= .venv-parity
# Processes that run tests, file by file; each may hold a recogniser and its speech (4 GB).
TEST_WORKERS ?= 2
NOTEBOOK_TESTS = tests/test_notebooks.py

comma := ,
empty :=
space := $(empty) $(empty)
# One stamp per set of extras: a changed requirement file or another set of extras installs again.
STAMP = $(VENV)/.installed-$(subst $(comma),-,$(EXTRAS))

.PHONY: install demo test parity lint notebooks docs clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt requirements-nodeps.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v in {(3, 11), (3, 12)} else f"xtts_lab needs Python 3.11 or 3.12, not {v[0]}.{v[1]}: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-nodeps.txt
	$(VENV)/bin/python -m compileall -q xtts_lab    # pip compiles what it copies, and not what stays where it is
	@touch $@

demo: install
	$(VENV)/bin/xtts-lab run experiments/quickstart.yaml

# The suite, then the notebooks from top to bottom.
test:
	@$(MAKE) --no-print-directory install EXTRAS=$(TEST_EXTRAS)
	$(VENV)/bin/python -c 'from xtts_lab.instruments import compiled; compiled.prepare()'   # librosa's loops, kept from then on
	$(VENV)/bin/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder --ignore $(NOTEBOOK_TESTS)
	$(VENV)/bin/python -m pytest -n 2 $(NOTEBOOK_TESTS)

# The reference implementation beside ours, in an environment of its own: live parity.
parity: $(PARITY_VENV)/.installed
	$(PARITY_VENV)/bin/python -m pytest tests/parity

$(PARITY_VENV)/.installed: pyproject.toml constraints.txt requirements-nodeps.txt requirements-parity.txt
	$(MAKE) install VENV=$(PARITY_VENV) EXTRAS=test
	$(PARITY_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements-parity.txt
	@touch $@

lint:
	@$(MAKE) --no-print-directory install EXTRAS=$(TEST_EXTRAS)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

notebooks:
	@$(MAKE) --no-print-directory install EXTRAS=$(EXTRAS),notebooks
	PATH="$(abspath $(VENV))/bin:$$PATH" $(VENV)/bin/jupyter lab notebooks

# -> site/; a broken link fails. The variable quiets an advertisement of the theme.
docs:
	@$(MAKE) --no-print-directory install EXTRAS=docs
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict

clean:
	rm -rf $(VENV) $(PARITY_VENV) .mypy_cache .ruff_cache .pytest_cache site
