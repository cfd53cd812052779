"""A real S3 server, Versity's gateway over a folder; `object_server` starts it by a process of its own.

It takes the path of the program; what it prints and obeys is what `moto_server` prints and obeys.
Nothing is put in front of it: it checks signatures, and of two creates at once it refuses one.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

START_SECONDS = 30


def main(program: str) -> None:
    """Serve until standard input ends, which it does when the parent dies as well."""
    with tempfile.TemporaryDirectory() as folder:
        objects, thrown_away = Path(folder, "objects"), Path(folder, "thrown-away")
        objects.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = f"127.0.0.1:{free.getsockname()[1]}"
        process = subprocess.Popen(
            [program, f"--port={address}", f"--region={os.environ['AWS_REGION']}", "--quiet", "--keep-alive",
             "posix", objects],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={
                "ROOT_ACCESS_KEY_ID": os.environ["AWS_ACCESS_KEY_ID"],
                "ROOT_SECRET_ACCESS_KEY": os.environ["AWS_SECRET_ACCESS_KEY"],
            },
        )  # fmt: skip
        try:
            _wait(process, address)
            client = _client(f"http://{address}")
            print(f"http://{address}", flush=True)
            for line in sys.stdin:
                bucket, *content = json.loads(line)
                if content:
                    _fill(client, bucket, *content)
                else:
                    if (
                        objects / bucket
                    ).exists():  # a bucket is a folder: faster than to ask for each object
                        (objects / bucket).rename(thrown_away)
                        shutil.rmtree(thrown_away)
                    client.create_bucket(Bucket=bucket)
                print("done", flush=True)
        finally:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], address: str) -> None:
    """Until it takes connections."""
    host, _, port = address.partition(":")
    give_up_at = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise
            time.sleep(0.05)
        else:
            return


def _client(url: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client("s3", endpoint_url=url, config=Config(max_pool_connections=8))


def _fill(client: Any, bucket: str, keys: list[str], body: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda key: client.put_object(Bucket=bucket, Key=key, Body=body.encode()), keys))


if __name__ == "__main__":
    main(sys.argv[1])
