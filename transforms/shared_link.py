"""One process of a run and the state that it shares with others: who lives, and whether to stop.

A thread says now and then that this process lives, and looks at what the others say, at the reason to
stop and at the lease of the run. Whoever asks gets what it saw last, and never waits for the store.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from transforms.lease import Unchanged, lease_name, newest_generation
from transforms.lease_holding import LOCK, steady_seconds
from transforms.objects import Objects
from transforms.records import Mark
from transforms.shared_place import SharedPlace, host_folder
from transforms.shares import Membership

LAUNCHER_GONE: Final = "LauncherGone"
"""The code of the reason when a run has lost its state, or those who work for it their run."""

Reason = tuple[str, str]
"""Code and message of a `stopping.StopReason`."""

_STOP: Final = "stop.json"
_PATIENCE_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


class SharedLink:
    """What a process knows of its run; see `link_of`.

    Args:
        place: the state and the run.
        objects: the state.
        host: stands for this host, the same for all of its processes.
        clock: monotonic seconds, the same for `transforms.lease_holding`.
    """

    def __init__(
        self,
        place: SharedPlace,
        objects: Objects,
        host: str,
        *,
        clock: Callable[[], float] = steady_seconds,
    ) -> None:
        self.objects = objects
        self.place = place
        self.worker = f"{host}-{secrets.token_hex(8)}"
        self.host = host
        self._times = place.times
        self._signs = f"{place.running}/signs"
        self._clock = clock
        self._lease = Unchanged()
        self._others: dict[str, Unchanged] = {}
        self._stepping = threading.Lock()
        self._calls = False
        self._acts: list[Callable[[], None]] = []
        self._wake = threading.Event()
        self._said = threading.Event()
        self._beats = 0
        self._said_at = float("-inf")
        self._lock = threading.Lock()  # guards what follows
        self._began = clock()
        self._looked_at = self._began
        self._pending: Reason | None = None
        self._reason: Reason | None = None
        self._living: dict[str, float] = {}
        self._membership = Membership(self._times.look_seconds)

    def reason(self) -> Reason | None:
        """Why the run stops; None while it goes on."""
        with self._lock:
            if self._reason is None and self._clock() - self._looked_at > self._times.safe_seconds:
                self._reason = (
                    LAUNCHER_GONE,
                    f"the state at {self.objects.uri} could not be reached for "
                    f"{self._times.safe_seconds:.0f} seconds, so another run may have taken over",
                )
            return self._reason

    def stop(self, reason: Reason) -> None:
        """Tell the others, unless somebody has; it is done soon, and never raises."""
        with self._lock:
            self._reason = self._reason or reason
            self._pending = self._pending or reason
        self._said.clear()
        self._wake.set()

    def may_call(self) -> bool:
        """Whether the share of this host is its own now."""
        with self._lock:
            return self._membership.may_call(self._clock())

    def hosts(self) -> set[str]:
        """The hosts on which somebody lives, this one among them."""
        with self._lock:
            return {worker.rpartition("-")[0] for worker in self._living} | {self.host}

    def unchanged_seconds(self, worker: str) -> float:
        """For how long a worker has been seen not to say that it lives; without end if it is not there."""
        with self._lock:
            return self._living.get(worker, float("inf"))

    @property
    def looked_at(self) -> float:
        """When the last look around began, by `steady_seconds`."""
        with self._lock:
            return self._looked_at

    def do_often(self, act: Callable[[], None]) -> None:
        """Do something each time this process has looked around; it must not raise."""
        self._acts.append(act)

    def forget(self, act: Callable[[], None]) -> None:
        """Do it no more."""
        self._acts.remove(act)

    def run(self) -> None:
        """Say and look until the run is over."""
        while not self._is_over():
            try:
                self.step()
            except OSError as error:
                _log.warning("the state cannot be reached: %s", error)
            for act in tuple(self._acts):
                act()
            self._wake.wait(self._times.look_seconds)
            self._wake.clear()

    def step(self) -> None:
        """Say what is to be said, and look around once.

        Raises:
            OSError: the store cannot be reached.
        """
        with self._stepping:
            self._tell()
            now = self._clock()
            away = now - self.looked_at > self._times.seconds / 3
            if self._calls and (away or now - self._said_at >= self._times.renew_seconds):
                self._beats += 1
                self.objects.put(f"{self._signs}/{self.worker}.json", b"%d" % self._beats)
                self._said_at = self._clock()
            self._look()

    def join(self) -> None:
        """Say that this process makes calls, before its first one.

        Raises:
            OSError: the store cannot be reached.
        """
        with self._stepping:
            self._calls = True
            self._said_at = float("-inf")
            self._membership = Membership(self._times.look_seconds)
        self.step()

    def leave(self) -> None:
        """Say that this process makes no further call; its share is free for others."""
        with self._stepping:
            self._calls = False
        try:
            self.objects.remove(f"{self._signs}/{self.worker}.json")
        except OSError:
            _log.debug("the others find out by themselves that this process is done")

    def close(self) -> None:
        """End the thread, when what was to be told is told or cannot be."""
        if self._pending is not None:
            self._said.wait(_PATIENCE_SECONDS)
        with self._lock:
            self._reason = self._reason or (LAUNCHER_GONE, "the run has ended")
        self._wake.set()

    def _is_over(self) -> bool:
        with self._lock:
            return self._reason is not None and self._reason[0] == LAUNCHER_GONE

    def _tell(self) -> None:
        if self._pending is None:
            return
        self.objects.create(f"{self._signs}/{_STOP}", json.dumps(self._pending).encode())
        self._pending = None
        self._said.set()

    def _look(self) -> None:
        began = self._clock()
        signs = {listed.name.rpartition("/")[2]: listed.mark for listed in self.objects.listed(self._signs)}
        marks = {listed.name: listed.mark for listed in self.objects.listed(LOCK)}
        now = self._clock()
        reason = self._lease_reason(newest_generation(marks), now, marks)
        if reason is None and signs.pop(_STOP, None) is not None:
            code, message = json.loads(self.objects.read(f"{self._signs}/{_STOP}"))
            reason = code, message
        seen = {name.removesuffix(".json"): mark for name, mark in signs.items()}
        self._others = {worker: self._others.get(worker, Unchanged()) for worker in seen}
        unchanged = {worker: self._others[worker].seconds(mark, now) for worker, mark in seen.items()}
        with self._lock:
            self._looked_at = began
            self._reason = self._reason or reason
            self._living = {
                worker: seconds for worker, seconds in unchanged.items() if seconds < self._times.seconds
            }
            hosts = {worker.rpartition("-")[0] for worker in self._living}
            self._membership = self._membership.looked(began, self._said_at, alone=hosts <= {self.host})

    def _lease_reason(self, newest: int, now: float, marks: dict[str, Mark]) -> Reason | None:
        """Why the run may not go on, by its lease."""
        mine = f"{LOCK}/{lease_name(self.place.generation)}"
        if newest > self.place.generation or mine not in marks:
            return LAUNCHER_GONE, "another run has taken over the state"
        if self._lease.seconds(marks[mine], now) > self._times.safe_seconds:
            return LAUNCHER_GONE, "the process that started the run has ended"
        return None


_links: dict[SharedPlace, SharedLink] = {}
_linking = threading.Lock()


def link_of(place: SharedPlace) -> SharedLink:
    """The link of this process to a run; made, and its thread started, when somebody first asks.

    Raises:
        OSError: the folder of this host cannot be made, or the store not be reached.
    """
    with _linking:
        if place not in _links:
            link = SharedLink(place, Objects(place.uri), _name_of_host(host_folder(place)))
            link.step()
            threading.Thread(target=link.run, name="state", daemon=True).start()
            _links[place] = link
        return _links[place]


def close_link(place: SharedPlace) -> None:
    """The run has ended, for the process that started it."""
    with _linking:
        link = _links.pop(place, None)
    if link is not None:
        link.close()


def _name_of_host(folder: Path) -> str:
    """A word that all processes on this host find the same."""
    name = folder / "host"
    own = folder / f"host.{secrets.token_hex(8)}"
    own.write_text(secrets.token_hex(8), encoding="ascii")
    try:
        name.hardlink_to(own)
    except FileExistsError:
        pass
    finally:
        own.unlink()
    return name.read_text(encoding="ascii")
