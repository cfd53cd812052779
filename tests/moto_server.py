"""An S3 server that is emulated (moto); `object_server` starts it in a process of its own.

It prints where it answers, and then obeys each line of its standard input: a bucket that is to be
there and empty, or keys that are to be put into it.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import threading
from typing import Any


def main() -> None:
    """Serve until standard input ends, which it does when the parent dies as well."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from moto.s3.models import s3_backends
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = DomainDispatcherApplication(create_backend_app)
    turn = threading.Lock()

    def one_at_a_time(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Of two creates at once one is refused: moto itself looks first and puts later."""
        length = int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
        with turn:
            return list(moto(environ, start_response))

    server = make_server("127.0.0.1", 0, one_at_a_time, threaded=True, request_handler=MotoRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for line in sys.stdin:
        bucket, *content = json.loads(line)
        if content:
            for key in content[0]:
                backend.put_object(bucket, key, content[1].encode())
        elif bucket in backend.buckets:
            backend.buckets[bucket].keys.clear()
        else:
            backend.create_bucket(bucket, "us-east-1")
        print("done", flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
