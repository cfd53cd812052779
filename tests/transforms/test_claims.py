from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.transforms.answer_samples import answered
from tests.transforms.memory_objects import Bucket
from transforms.answer_book import AnswerBook
from transforms.answer_store import AnswerStore
from transforms.calling import Ending, Reply, Tally
from transforms.claims import Claims
from transforms.folders import OutputError
from transforms.lease import Lease
from transforms.lease_holding import HeldLease, take
from transforms.object_logs import ObjectLogs
from transforms.shared_link import LAUNCHER_GONE, SharedLink
from transforms.shared_place import SharedPlace

SECONDS = 60.0
KEY = b"k" * 32


class World:
    """A bucket, a clock, and a run that holds the lease; time passes when somebody sleeps."""

    def __init__(self) -> None:
        self.bucket = Bucket()
        self.now = 0.0
        self.lease = self.take()
        self.links: list[SharedLink] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def clock(self) -> float:
        return self.now

    def take(self) -> HeldLease:
        objects = self.bucket.objects("state")
        return take(objects, Lease("run", 1, "host", "", SECONDS), clock=self.clock, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.lease.renew()
        for link in self.links:
            link.step()
        self.meanwhile()

    def link(self, host: str = "host") -> SharedLink:
        place = SharedPlace("s3://memory/state", "run", self.lease.generation, SECONDS)
        link = SharedLink(place, self.bucket.objects("state"), host, clock=self.clock)
        self.links.append(link)
        return link

    def claims(self, link: SharedLink) -> Claims:
        return Claims(link, clock=self.clock, sleep=self.sleep)


def test_one_at_a_time_holds_a_key_and_other_keys_are_never_waited_for() -> None:
    world = World()
    first, second = world.claims(world.link("a")), world.claims(world.link("b"))
    holding = first.holding(KEY)
    holding.__enter__()
    with second.holding(b"other key" * 3):
        assert world.now == 0.0

    def give_back() -> None:
        if world.now > 100.0:
            world.meanwhile = lambda: None
            holding.__exit__(None, None, None)

    world.meanwhile = give_back
    with second.holding(KEY):
        # It lived, so its claim was waited for however long it took.
        assert world.now > 100.0
    assert [name for name in world.bucket.kept if "claims" in name] == []


def test_a_killed_workers_claim_is_taken_over_when_it_was_not_heard_of_for_long() -> None:
    world = World()
    doomed, second = world.link("a"), world.claims(world.link("b"))
    never_given_back = world.claims(doomed).holding(KEY)
    never_given_back.__enter__()
    world.links.remove(doomed)
    with second.holding(KEY):
        assert world.now >= SECONDS
    assert [name for name in world.bucket.kept if "claims" in name] == []


def test_a_worker_that_was_not_seen_yet_is_not_taken_for_gone() -> None:
    world = World()
    second = world.claims(world.link("b"))
    first = world.claims(world.link("a"))  # b has not looked since
    holding = first.holding(KEY)
    holding.__enter__()

    def give_back() -> None:
        if world.now > 10.0:
            world.meanwhile = lambda: None
            holding.__exit__(None, None, None)

    world.meanwhile = give_back
    with second.holding(KEY):
        assert world.now > 10.0


def test_a_store_that_is_away_is_told() -> None:
    world = World()
    claims = world.claims(world.link())

    def away(verb: str, name: str) -> None:
        raise OSError(5, "away")

    world.bucket.before = away
    with pytest.raises(OutputError, match="away"), claims.holding(KEY):
        pass


def test_two_books_settle_equal_content_once() -> None:
    world = World()
    books = [
        AnswerBook(
            AnswerStore(ObjectLogs(world.bucket.objects("state/answers"), linger_seconds=0)),
            Claims(world.link(host), clock=world.clock, sleep=lambda _: None),
        )
        for host in "ab"
    ]
    calls: list[bytes] = []
    lock = threading.Lock()

    def settle(number: int) -> Reply:
        entry = answered(number % 20)

        def call() -> Reply:
            with lock:
                calls.append(entry.key)
            return Reply(Ending.ANSWERED, Tally(), answer=entry.answer, attempts=1, at_us=1)

        return books[number // 20 % 2].settle(entry.key, call)

    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(settle, range(80)))
    assert len(calls) == len(set(calls)) == 20
    assert {reply.ending for reply in replies} == {Ending.ANSWERED}


def test_what_a_call_costs_in_requests() -> None:
    """As docs/cost.md says: each is claimed, looked up, recorded and given back."""
    world = World()
    record = AnswerStore(ObjectLogs(world.bucket.objects("state/answers"), linger_seconds=0))
    book = AnswerBook(record, world.claims(world.link()))
    record.refresh()
    world.bucket.requests.clear()
    for number in range(50):
        entry = answered(number)
        reply = Reply(Ending.ANSWERED, Tally(), answer=entry.answer, attempts=1, at_us=1)
        book.settle(entry.key, lambda reply=reply: reply)
    # One more listing: a name for the first log has to sort behind those of others.
    assert world.bucket.requests == {"CREATE": 50, "LIST": 51, "PUT": 50, "DELETE": 50}


def test_a_reason_to_stop_reaches_the_others_and_the_first_stays() -> None:
    world = World()
    first, second = world.link("a"), world.link("b")
    first.stop(("Interrupted", "told to"))
    second.stop(("Outage", "later"))
    third = world.link("c")
    for link in (first, second, third):
        link.step()
    assert first.reason() == third.reason() == ("Interrupted", "told to")


def test_whoever_works_for_a_run_stops_when_it_does_not_renew_its_lease_or_another_took_over() -> None:
    world = World()
    link = world.link()
    link.step()
    assert link.reason() is None
    for _ in range(23):
        world.now += 2.0
        link.step()
    assert link.reason() == (LAUNCHER_GONE, "the process that started the run has ended")
    second = World()
    other = second.link()
    second.links.clear()
    second.lease.release()
    second.lease = second.take()
    other.step()
    assert other.reason() == (LAUNCHER_GONE, "another run has taken over the state")


def test_a_store_that_cannot_be_reached_stops_a_worker_in_time() -> None:
    world = World()
    link = world.link()
    link.step()
    world.now += 0.75 * SECONDS + 1
    reason = link.reason()
    assert reason is not None
    assert "could not be reached" in reason[1]
