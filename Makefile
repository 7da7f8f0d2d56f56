# The words a developer types; CI types the same ones.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
TESTS ?= tests
unexport PYTHONDONTWRITEBYTECODE  # each process of the tests would compile all of them again: 10 s
WORKFLOWS := $(wildcard .github/workflows/*.yml examples/workflows/*.yml)

.PHONY: help demo quick test check format lock bench image structure reference picture

help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "TestSmith Bot needs Python 3.11 or newer with its venv module (on Debian: apt install python3-venv)." >&2; exit 2; }
	$(PYTHON) -m venv .venv

.venv/.installed: requirements-dev.lock pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# What the program itself needs. It is not installed, which would take a build backend: Python finds it where it is.
.venv/.program: requirements.lock | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@echo "$(CURDIR)/bot" > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/testsmith.pth"
	@printf '#!%s\nimport sys\nfrom testsmith.__main__ import main\nsys.exit(main())\n' "$(CURDIR)/$(BIN)/python" > $(BIN)/testsmith
	@chmod +x $(BIN)/testsmith && touch $@

demo: $(if $(wildcard .venv/.installed),,.venv/.program) ## review the example project's pull request
	@$(BIN)/python examples/demo.py

quick: .venv/.installed ## run the quick tests: no interpreters, installations or whole pull requests (3 minutes)
	$(BIN)/python -m pytest -n 3 --dist worksteal -m quick $(TESTS)

test: .venv/.installed ## run the whole test suite (one test: make test TESTS=tests/test_x.py)
	$(BIN)/python -m pytest -n 4 --dist worksteal $(TESTS)  # two more than CI has processors: many tests wait

check: .venv/.installed ## lint, format, types, import contracts, English, schema, Dockerfile, action, workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/reference.py --check
	$(BIN)/python docs/english.py
	$(BIN)/python docs/picture.py --check
	$(BIN)/check-jsonschema --check-metaschema bot/testsmith/reporting/schema.json docs/testsmith.schema.json
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions action.yml sweep/action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(BIN)/actionlint $(WORKFLOWS)
	$(BIN)/zizmor --offline --persona pedantic --no-progress --quiet action.yml sweep/action.yml .github/dependabot.yml $(WORKFLOWS)
	$(BIN)/hadolint Dockerfile

format: .venv/.installed ## format the code and fix what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## renew requirements-dev.lock and requirements.lock from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --group dev pyproject.toml -c requirements.lock -o requirements-dev.lock

bench: .venv/.installed ## measure speed, and the worth of the offline tests
	$(BIN)/python -m bench $(PARTS)

image: ## build the container image testsmith (needs docker or podman)
	@engine=$$({ docker info >/dev/null 2>&1 && echo docker; } || command -v podman) || { echo "make image needs docker, running, or podman." >&2; exit 2; }; \
	$$engine build $(if $(BASE),--build-arg BASE="$(BASE)") --tag testsmith .

reference: .venv/.installed ## write the action files' inputs, the reference pages and the JSON Schema of testsmith.toml
	$(BIN)/python docs/reference.py

structure: .venv/.installed ## draw the packages and their imports in docs/architecture.md
	$(BIN)/python docs/structure.py

picture: .venv/.installed ## run the example and draw what it shows: docs/pictures
	$(BIN)/python docs/picture.py
