"""Runs the DAG once for each configuration: ``AIRFLOW_PYTHON run_dag.py '[{"input": ...}, ...]'``.

Prints ``ENDED STATE TRIES`` for each run.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta

from airflow import settings
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(dag_folder=settings.DAGS_FOLDER)
assert bag.import_errors == {}
dag = bag.dags["beamscribe"]
(task,) = dag.tasks
task.retry_delay = timedelta(0)
for configuration in json.loads(sys.argv[1]):
    run = dag.test(run_conf=configuration)
    (ended,) = run.get_task_instances()
    print("ENDED", ended.state, ended.try_number, flush=True)
