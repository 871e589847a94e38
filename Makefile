.PHONY: setup run demo-reset test fuzz check fmt messages lock
PY := .venv/bin/python
# What may behave differently on another database.
WITH_DATABASE := $(addprefix tests/,accounts audit curation datasets intake permissions faults portal/test_pages.py \
    e2e/test_journey_api.py)
# Every process of a portal would compile a few thousand modules anew.
unexport PYTHONDONTWRITEBYTECODE
# Tests that start a portal wait for it most of the time.
PROCESSES := $(shell expr $$(nproc) + 2)

setup: ## everything that is built: .venv, front end, translations, static files
	@scripts/setup run

run: setup ## the whole portal on this machine, with demo content
	@$(PY) manage.py serve

demo-reset: setup ## throw the demo away and start afresh
	@$(PY) manage.py demo_reset
	@$(PY) manage.py serve

test: ## all tests, on SQLite and on PostgreSQL
	@scripts/debian-packages
	@scripts/setup dev
	$(PY) -m pytest --numprocesses $(PROCESSES)
	CXR_TEST_DATABASE=postgresql $(PY) -m pytest --numprocesses $(PROCESSES) $(WITH_DATABASE)

fuzz: ## damaged files against the de-identifier, ten minutes (FUZZ_SECONDS, FUZZ_SEED); findings go to build/fuzz
	@scripts/setup dev
	$(PY) -m tests.imaging.fuzz --seconds $(or $(FUZZ_SECONDS),600) --seed $(or $(FUZZ_SEED),1)

check: ## style, types, import directions, migrations, deployment settings, templates
	@scripts/setup dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo
	$(PY) manage.py makemigrations --check --dry-run
	scripts/check-deploy
	.venv/bin/djlint --lint --quiet templates

fmt:
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

messages: ## collect the texts to translate (needs Debian's gettext)
	$(PY) manage.py makemessages -l pl --no-location --no-obsolete -i .venv -i build -i var -i assets

lock: ## renew the locks from pyproject.toml (needs uv)
	uv pip compile pyproject.toml --python-version 3.11 --generate-hashes -q -o requirements.txt
	uv pip compile pyproject.toml --group dev -c requirements.txt --python-version 3.11 --generate-hashes -q -o requirements-dev.txt
	uv pip compile --group node --python-version 3.11 --generate-hashes -q -o requirements-node.txt
