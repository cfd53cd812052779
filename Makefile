# Needs Python 3.10 to 3.13, make and a package index; no compiler, ffmpeg or sox.

PYTHON ?= python3
VENV ?= .venv
IS_SUPPORTED := import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))
# --prefer-binary: an older wheel rather than a newer release that would have to be compiled here.
PIP_INSTALL := $(VENV)/bin/pip install --quiet --disable-pip-version-check --prefer-binary

.DEFAULT_GOAL := help
.PHONY: help demo test test-thorough test-slow test-airflow test-flink test-prism test-s3 lint types clean

help: ## say what can be made
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1: /p' $(MAKEFILE_LIST)

demo: $(VENV)/.demo-installed ## transcribe the recordings of tests/recordings with the local service
	@$(VENV)/bin/python -m pipeline.demo

test: $(VENV)/.test-installed ## run the tests, but for the long ones
	@$(VENV)/bin/python -m pytest -q -n 2 --dist loadgroup -m 'not slow and not thorough'

test-thorough: $(VENV)/.test-installed ## run the benchmarks in little, and long kills
	@$(VENV)/bin/python -m pytest -q -n 2 --dist loadgroup -m thorough

test-slow: $(VENV)/.test-installed ## run the long tests
	@$(VENV)/bin/python -m pytest -q -m slow

test-prism: $(VENV)/bin/prism $(VENV)/.test-installed ## run the tests of runners on Prism too, which Go has to build
	@$(VENV)/bin/python -m pytest -q -k Prism tests/e2e/test_runners.py

test-s3: $(VENV)/bin/versitygw $(VENV)/.test-installed ## run the tests of object storage on a real S3 server, which Go has to build
	@BEAMSCRIBE_S3_SERVER='$<' $(VENV)/bin/python -m pytest -q -n 2 --dist loadgroup -m 'object_storage and not slow and not thorough'

test-flink: $(VENV)/flink/job-server.jar ## run the tests of runners on a Flink cluster too, which takes Java
	@BEAM_FLINK_JOB_SERVER_JAR='$<' $(VENV)/bin/python -m pytest -q -o timeout=900 -k Flink tests/e2e/test_runners.py tests/e2e/test_flink.py

test-airflow: $(VENV)/.test-installed ## run the example DAG with Airflow, in an environment of its own
	@sh tests/scheduling/check_dag.sh '$(VENV)'

lint: $(VENV)/.test-installed ## check style and format
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .

types: $(VENV)/.test-installed ## check types
	@$(VENV)/bin/mypy

clean: ## remove what the other targets wrote; the environment stays
	@rm -rf demo-output build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache

# Of the version of Beam that is installed; Beam itself would download it when it is first used.
$(VENV)/bin/prism: | $(VENV)/.test-installed
	@GOBIN=$(abspath $(VENV))/bin CGO_ENABLED=0 go install \
		github.com/apache/beam/sdks/v2/go/cmd/prism@v$$($(VENV)/bin/python -c 'import apache_beam; print(apache_beam.__version__)')

# A real S3 server, over a folder: of creates at once it lets one be, under a lock of its own.
$(VENV)/bin/versitygw: | $(VENV)/.test-installed
	@GOBIN=$(abspath $(VENV))/bin CGO_ENABLED=0 go install github.com/versity/versitygw/cmd/versitygw@v1.8.0

# Beam's job server, with Flink in it, from Maven Central.
$(VENV)/flink/job-server.jar: | $(VENV)/.test-installed
	@$(VENV)/bin/python -m tests.flink.jars '$(@D)' >/dev/null

$(VENV)/bin/pip:
	@for python in '$(PYTHON)' python3.13 python3.12 python3.11 python3.10; do \
		if "$$python" -c '$(IS_SUPPORTED)' 2>/dev/null; then \
			echo "Making $(VENV) with $$("$$python" --version)"; \
			exec "$$python" -m venv '$(VENV)'; \
		fi; \
	done; \
	echo "No Python 3.10 to 3.13 on PATH. Install one or name one: make PYTHON=/path/to/python3.12" >&2; \
	exit 1

$(VENV)/.demo-installed: setup.py pyproject.toml | $(VENV)/bin/pip
	@echo "Installing Beamscribe into $(VENV) (a minute or two)"
	@$(PIP_INSTALL) -e '.[sphinx]'
	@touch $@

# The tests need all that the demo needs.
$(VENV)/.test-installed: setup.py pyproject.toml | $(VENV)/bin/pip
	@echo "Installing Beamscribe and what its tests need into $(VENV) (a minute or two)"
	@$(PIP_INSTALL) -e '.[test]'
	@touch $@ $(VENV)/.demo-installed
