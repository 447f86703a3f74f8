# Everything a newcomer needs, with only Python >= 3.11 (with venv), make and a C compiler on the machine.
#
#   PYTHON=python3.12        another interpreter
#   TORCH="torch>=2.7"       another build of torch, for example one for your GPU
#   VENV=/path               another place for the environment

PYTHON ?= python3
# On the command line of pip and not in pyproject.toml: users of the package choose their own build of torch.
TORCH ?= torch==2.13.0
VENV ?= .venv
IMAGE ?=
PYTEST_ARGS ?=

# Twice quiet: errors only.
PIP := $(VENV)/bin/python -m pip install --quiet --quiet --disable-pip-version-check
USE_INSTALLED := $(VENV)/.installed-to-use
DEV_INSTALLED := $(VENV)/.installed-to-develop
DEMO_VENV := .venv-demo
DEMO_INSTALLED := $(DEMO_VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup restore demo test test-all test-demo test-iqa docs lint format types check clean

help:  ## shows this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

restore: $(USE_INSTALLED)  ## restores a sample photo, or your own: make restore IMAGE=my.jpg
	@$(VENV)/bin/python demo/first_photo.py $(if $(IMAGE),"$(IMAGE)")

demo: $(DEMO_INSTALLED)  ## opens the demo at http://127.0.0.1:7860
	$(DEMO_VENV)/bin/python demo/app.py

test: $(DEV_INSTALLED)  ## runs the tests (slow ones left out)
	$(VENV)/bin/python -m pytest -m "not slow" $(PYTEST_ARGS)

test-all: $(DEV_INSTALLED)  ## runs every test
	$(VENV)/bin/python -m pytest $(PYTEST_ARGS)

test-demo: $(DEMO_INSTALLED)  ## tests the demo in a browser, in .venv-demo (gradio holds Pillow back)
	$(DEMO_VENV)/bin/python -m pytest tests/demo tests/uare/test_cli_demo.py tests/docs -m "not slow" $(PYTEST_ARGS)

test-iqa:  ## tests the metrics that pyiqa computes, in .venv-iqa (3 GB; its licence is non-commercial)
	test -x .venv-iqa/bin/python || $(PYTHON) -m venv .venv-iqa
	.venv-iqa/bin/python -m pip install --quiet --quiet -e ".[eval,iqa,dev]" "$(TORCH)"
	.venv-iqa/bin/python -m pytest tests/eval/test_pyiqa.py tests/eval/test_metrics.py $(PYTEST_ARGS)

docs: $(DEV_INSTALLED)  ## builds the documentation into site/; any warning is an error
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict

lint: $(DEV_INSTALLED)  ## checks style and formatting
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

format: $(DEV_INSTALLED)  ## rewrites the files in the style that lint asks for
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

types: $(DEV_INSTALLED)  ## checks the type annotations
	$(VENV)/bin/mypy

check: lint types test  ## lint, types and test: run it before each commit

setup: $(DEV_INSTALLED)  ## only creates the environment

clean:  ## removes the environment, caches and builds; restored photos and training runs stay
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamp files: a repeated call installs nothing unless pyproject.toml has changed.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "$(PYTHON) is too old or missing: UARE needs Python 3.11 or newer; try: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(USE_INSTALLED): pyproject.toml | $(VENV)/bin/python
	@echo "installing UARE and what it needs into $(VENV) (about 1.5 GB, some minutes the first time)"
	$(PIP) -e . scikit-image "$(TORCH)"
	@touch $@

$(DEV_INSTALLED): pyproject.toml | $(USE_INSTALLED)
	$(PIP) -e ".[dev,docs,eval,media,ray,serve,study,train]" "$(TORCH)"
	@touch $@

# An environment of its own: gradio takes no Pillow 13 yet, and the exactness of the reference's resizing needs it.
$(DEMO_INSTALLED): pyproject.toml
	test -x $(DEMO_VENV)/bin/python || $(PYTHON) -m venv $(DEMO_VENV)
	@echo "installing what the demo and its tests need into $(DEMO_VENV)"
	$(DEMO_VENV)/bin/python -m pip install --quiet --quiet --disable-pip-version-check \
	    -e ".[demo,dev,docs,eval,media,serve,study]" "$(TORCH)"
	@touch $@
