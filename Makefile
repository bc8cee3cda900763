# What a person types. `make demo` and `make test` need Python 3.11 or newer, git and make, and nothing else prepared.

BIN := .venv/bin
SERVICE = $(if $(PORT),--port $(PORT)) $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help demo serve test lint format perf lock clean

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1@/p' $(MAKEFILE_LIST) | awk -F@ '{ printf "%-14s%s\n", $$1, $$2 }'

demo: .venv/.installed ## train a custom model, serve it beside the general one, print the verdict (PORT=8000, ARGS=--exit)
	@$(BIN)/versus demo $(SERVICE)

serve: .venv/.installed ## run the service (PORT=8000, ARGS="--host 0.0.0.0")
	@$(BIN)/versus serve $(SERVICE)

test: lint ## lint, then all tests, two at a time; warnings are errors (ARGS="tests/jobs -x", ARGS="-m slow")
	@# A processor's threads wait for each other where two tests compute at once: one thread each.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: .venv/.installed-dev ## ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.installed-dev ## let ruff sort imports and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

perf: .venv/.installed-dev ## print the numbers of speed beside their peers (ARGS=serving)
	@$(BIN)/python -m tests.perf $(ARGS)

lock: .venv/.installed-dev ## write what is installed to requirements.lock (after an upgrade by hand)
	@# Without the local part (+cpu): the pin holds for each build of torch.
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+[a-z0-9.]*$$//' > requirements.lock

clean: ## remove what can be made again; your data in var/ stays
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find app tests alembic -name __pycache__ -type d -prune -exec rm -rf {} +

# An installation that was cut off has no stamp and is gone on with. A terminal sees pip's progress, a log only its warnings.
.venv/.installed: pyproject.toml requirements.lock
	@python=; for each in $(PYTHON) python3 python python3.13 python3.12 python3.11; do \
	  if $$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$each; break; fi; done; \
	  [ -n "$$python" ] || { echo "Versus needs Python 3.11 or newer; install it, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }; \
	  echo "Installing Versus into .venv with $$($$python --version); the first time takes some minutes"; \
	  $$python -m venv .venv
	@[ -t 1 ] || quiet=-q; $(BIN)/python -m pip install $$quiet -c requirements.lock -e .
	@touch $@

.venv/.installed-dev: .venv/.installed
	@echo "Installing what the checks need"
	@[ -t 1 ] || quiet=-q; $(BIN)/python -m pip install $$quiet -c requirements.lock -e '.[dev]'
	@touch $@
