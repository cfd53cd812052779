"""A pool of Beam's workers at one address: ``python -m tests.flink.pool HOST:PORT``.

Beam's own program (`worker_pool_main`) listens on all addresses of the machine; the pools of
two task managers that share a machine need the same port on different ones.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from apache_beam.portability.api import beam_fn_api_pb2_grpc
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer

LISTENING = "The pool listens."


def main(address: str) -> None:
    """Serve until killed."""
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_insecure_port(address)
    servicer = BeamFnExternalWorkerPoolServicer(use_process=True)
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(servicer, server)
    server.start()
    print(LISTENING, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(sys.argv[1])
