#!/bin/sh
# Runs the example DAG with Airflow, in an environment of its own: check_dag.sh ENVIRONMENT
# where ENVIRONMENT is the one that Beamscribe and its tests are installed in.
set -eu
environment=$1
airflow=$environment-airflow

# Airflow pins nothing. Its packages as they were on one day belong together, as in the lists of
# versions that it publishes elsewhere; that takes a pip of 2026.
if [ ! -e "$airflow/.installed" ]; then
  echo "Installing Airflow into $airflow (two minutes)"
  if ! { "$environment/bin/python" -m venv "$airflow" &&
    "$airflow/bin/pip" install --quiet --disable-pip-version-check --upgrade 'pip>=26' &&
    "$airflow/bin/pip" install --quiet --disable-pip-version-check --prefer-binary \
      --uploaded-prior-to 2026-11-20 'apache-airflow>=3.3,<3.4'; }; then
    echo "Airflow cannot be had from this package index: its DAG was NOT checked." >&2
    exit 0
  fi
  touch "$airflow/.installed"
fi
export AIRFLOW_PYTHON="$airflow/bin/python"
exec "$environment/bin/python" -m pytest -q tests/scheduling/test_dag.py
