"""The local service as a whole: started, stopped and asked for its counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from types import TracebackType

from pipeline.service.answering import Answerer
from pipeline.service.connections import ServiceServer
from pipeline.service.ledger import Ledger, ReceivedCall, ServiceStats
from pipeline.service.recognizers import DigestRecognizer, Recognizer, ScriptRecognizer, read_script
from pipeline.service.settings import ServiceSettings
from pipeline.service.sphinx import SphinxRecognizer
from transforms.errors import UsageError


class LocalService:
    """A SentenceRecognition service in threads of this process.

    ``with LocalService(settings) as service:`` starts it and stops it.

    Args:
        settings: how it behaves.
        wall: seconds since 1970 UTC, the machine's clock.
        monotonic: seconds of a clock that never steps, for rates and latencies.
    """

    def __init__(
        self,
        settings: ServiceSettings | None = None,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings or ServiceSettings()
        self._wall = wall
        self._monotonic = monotonic
        self._ledger = Ledger(
            calls_left=self.settings.calls_left, received_calls=self.settings.received_calls
        )
        self._server: ServiceServer | None = None
        self._thread: Thread | None = None
        self._recognizer: Recognizer | None = None

    def start(self) -> None:
        """Listens and answers from now on.

        Raises:
            UsageError: the script of answers cannot be read.
            UsageError: the address or port cannot be listened on.
        """
        assert self._server is None, "a service is started once"
        recognizer = _make_recognizer(self.settings)
        answerer = Answerer(self.settings, recognizer, self._ledger)
        address = (self.settings.host, self.settings.port)
        try:
            self._server = ServiceServer(address, answerer, self._ledger, self.now, self._monotonic)
        except OSError as error:
            recognizer.close()
            raise UsageError(
                f"{self.settings.host} port {self.settings.port} cannot be listened on: {error.strerror}. "
                "Choose another --port, or 0 for a free one."
            ) from error
        self._recognizer = recognizer
        self._thread = Thread(
            target=self._server.serve_forever, args=(0.05,), name="local-service", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stops listening, cuts every connection, ends the recognizer."""
        if self._server is None or self._thread is None or self._recognizer is None:
            return
        self._server.stop()
        self._thread.join()
        self._recognizer.close()
        self._server = self._thread = self._recognizer = None

    def __enter__(self) -> LocalService:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        """The address with scheme and port, as ``recognition.endpoint`` takes it."""
        assert self._server is not None, "an endpoint exists while the service runs"
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        return f"http://{host}:{self._server.server_port}"

    @property
    def received(self) -> list[ReceivedCall]:
        """The latest calls, in the order in which they were decided."""
        return self._ledger.received()

    def now(self) -> float:
        """The service's clock, which may be set wrong on purpose."""
        return self._wall() + self.settings.clock_offset_s

    def stats(self) -> ServiceStats:
        """All counts since the start."""
        return self._ledger.stats()


def _make_recognizer(settings: ServiceSettings) -> Recognizer:
    if settings.recognizer == "sphinx":
        return SphinxRecognizer(settings.sphinx_workers)
    if settings.recognizer == "script":
        assert settings.script_path is not None, "the settings were checked"
        return ScriptRecognizer(read_script(Path(settings.script_path)))
    return DigestRecognizer()
