"""Transcribe what is new in a folder every night: a DAG for Apache Airflow 3.

Beamscribe lies in an environment of its own, where its dependencies and Airflow's do not
meet; Airflow starts it as a program. The keys are those of the Airflow connection
``beamscribe``: the login is the SecretId, the password the SecretKey.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from functools import cached_property

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import DAG, BaseOperator, Connection, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException


class BeamscribeRun(BaseOperator):
    """One run of the command; its exit code decides what becomes of the task."""

    template_fields = ("command",)

    def __init__(self, *, command: list[str], **kwargs) -> None:
        super().__init__(**kwargs)
        self.command = command

    @cached_property
    def hook(self) -> SubprocessHook:
        """The program, in a process group of its own; what it prints goes to the task's log."""
        return SubprocessHook()

    def execute(self, context: Context) -> int:
        """Run it. Its keys are in its environment alone: a template would be stored and shown."""
        keys = Connection.get("beamscribe")
        secrets = {"TENCENTCLOUD_SECRET_ID": keys.login, "TENCENTCLOUD_SECRET_KEY": keys.password}
        code = self.hook.run_command(self.command, env={**os.environ, **secrets}).exit_code
        if code == 4:  # an outage passes; the next try continues, and pays for nothing twice
            raise AirflowException("stopped before the end; the log says why")
        if code not in (0, 3):  # it would end like this again: no retry
            raise AirflowFailException(f"exit code {code}; the log says why")
        if code == 3:
            self.log.warning("finished; what failed is in the table failures")
        return code

    def on_kill(self) -> None:
        """SIGTERM: calls in flight are waited for and what they cost is kept."""
        self.hook.send_sigterm()


with DAG(
    dag_id="beamscribe",
    schedule="15 2 * * *",
    start_date=datetime(2025, 1, 1),
    catchup=False,
    max_active_runs=1,
    params={
        "program": "/opt/beamscribe/bin/beamscribe",
        "input": "/srv/audio",
        "output": "/srv/transcripts",
    },
):
    BeamscribeRun(
        task_id="transcribe",
        command=[
            "{{ params.program }}",
            "run",
            "--config=scheduled",
            "--input={{ params.input }}",
            "--output={{ params.output }}",
        ],
        retries=3,
        retry_delay=timedelta(minutes=15),
        execution_timeout=timedelta(hours=12),
    )
