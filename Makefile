# Every target brings what it needs by itself; a second run finds it there.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo serve test coverage check bench clean python postgis assets chromium

BIN := .venv/bin
WORKERS ?= 2
PURE_TESTS := tests/unit tests/properties tests/acceptance/test_detect_lake_radar.py \
	$(addprefix tests/acceptance/test_detect_,glacier_file.py lake_file.py settlement_file.py)

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: python postgis assets ## the main job from files to map, then serve it
	@$(BIN)/kkh demo

serve: python postgis assets ## start the API, the pages and a worker
	@$(BIN)/kkh serve --worker

test: python postgis assets chromium ## every test
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

coverage: python assets ## branches of the pure code that no test goes through; fails where they are too many
	@CI=true $(BIN)/python -m pytest -n $(WORKERS) --cov --cov-report= $(PURE_TESTS) $(ARGS)
	@$(BIN)/python -m scripts.pure_code

check: python ## style, types, rooms and shell syntax
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@PYTHONPATH=. $(BIN)/lint-imports
	@for script in scripts/*.sh .ci/run; do bash -n $$script || exit 1; done

bench: python postgis assets chromium ## the same work by this project and by its peers, into docs/benchmarks.md
	@$(BIN)/python -m benchmarks $(ARGS)

wheel: python assets ## the program as a wheel with its browser assets, and its sources, into dist/
	@. scripts/lib.sh && "$$(find_uv)" build --quiet --out-dir dist

clean: ## remove what make brought (not .kkh, which holds data)
	rm -rf .venv .tools maps/assets/node_modules maps/assets/vendor dist
	rm -rf .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

python: .venv/.ready

.venv/.ready: uv.lock pyproject.toml scripts/python.sh scripts/lib.sh
	@scripts/python.sh
	@touch $@

postgis: python
	@$(BIN)/python -m hazard_db.install

assets: python
	@scripts/assets.sh

chromium:
	@scripts/chromium.sh >/dev/null
