from __future__ import annotations

import pickle
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.transforms.dataset_samples import extent_of
from transforms.answer import Answer, HeardWord, ServiceError
from transforms.answer_entry import Entry
from transforms.answer_store import AnswerStore
from transforms.calling import Ending, Reply, Tally
from transforms.client import ClientSettings, PreparedCall, SentenceClient
from transforms.pace import PacePolicy
from transforms.reading import Reading
from transforms.recognize import RecognizeFn, Settled
from transforms.recognize_settings import RecognizeSettings
from transforms.records import Failure, Segment, Span, Stage, Utterance
from transforms.sound import LoadedSound, sound_of
from transforms.stopping import StopSignal
from transforms.transcript import Piece

SPAN = Span("/a.wav", 7, 1, 2, start_sample=160_000, end_sample=480_000, sample_rate=16_000, engine="16k_zh")
REFUSED = ServiceError("InternalError", "It failed.", "id-9", False)


def answered(*words: tuple[str, int, int], duration_ms: int = 20_000) -> Reply:
    heard = tuple(HeardWord(*word) for word in words)
    answer = Answer("the text", heard, duration_ms, "id-1")
    return Reply(Ending.ANSWERED, Tally(calls=3), answer=answer, attempts=3, at_us=5)


def settings_for(folder, endpoint: str = "http://127.0.0.1:9") -> RecognizeSettings:
    return RecognizeSettings(
        client=ClientSettings(endpoint=endpoint),
        pace=PacePolicy(100.0),
        coordination=folder,
        concurrency=3,
    )


def test_what_is_pickled_is_settings_only(tmp_path, monkeypatch):
    monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", "a-very-secret-key")
    pickled = pickle.dumps(settings_for(tmp_path))
    assert b"a-very-secret-key" not in pickled
    assert pickle.loads(pickled) == settings_for(tmp_path)


@pytest.mark.parametrize("url", [None, "http://127.0.0.1/a.wav"])
def test_audio_or_an_address_is_called_for_and_answered(url, tmp_path, serve, local_credentials):
    service = serve()
    fn = RecognizeFn(settings_for(tmp_path, service.endpoint))
    fn.setup()
    span = Span("/a.wav", 7, 0, 0, 0, 1600, 16_000, "16k_en")
    audio = sound_of(b"\1\0" * 1600, 16_000)
    settled = fn.task(Segment(span, sound=None if url else LoadedSound(audio), url=url))()
    fn.teardown()
    output, piece = fn.outputs(settled)
    assert (piece.tag, piece.value) == ("pieces", Piece(output.value))
    if url:
        # Nothing listens there: the service says that it could not fetch it.
        assert isinstance(output.value, Failure)
        assert (output.value.code, output.tag) == ("FailedOperation.ErrorDownFile", "failures")
    else:
        assert isinstance(output.value, Utterance)
        assert (output.value.span, output.tag, settled.counts.calls) == (span, None, 1)
        assert service.received[0].data_len == 44 + 3200


def test_bundles_of_one_process_have_no_more_calls_in_flight_than_one_until_they_are_on_record(
    tmp_path, serve, local_credentials, monkeypatch
):
    service = serve(latency_ms=(100, 100))
    settings = replace(settings_for(tmp_path, service.endpoint), state=tmp_path, chain="run")
    send, add = SentenceClient.send, AnswerStore.add
    counting, in_flight, most = threading.Lock(), 0, 0

    # Counted here: the service counts a call until it has sent all, when the next may be there already.
    def counted_send(client: SentenceClient, call: PreparedCall) -> Answer:
        nonlocal in_flight, most
        with counting:
            in_flight += 1
            most = max(most, in_flight)
        return send(client, call)

    def counted_add(store: AnswerStore, entry: Entry) -> None:
        nonlocal in_flight
        time.sleep(0.05)
        add(store, entry)
        with counting:
            in_flight -= 1

    monkeypatch.setattr(SentenceClient, "send", counted_send)
    monkeypatch.setattr(AnswerStore, "add", counted_add)
    bundles = [RecognizeFn(settings) for _ in range(3)]
    for fn in bundles:
        fn.setup()
    tasks = []
    for number in range(1, 19):
        span = Span(f"/{number}.wav", 7, 0, 0, 0, 1600, 16_000, "16k_en")
        sound = LoadedSound(sound_of(bytes([number, 0]) * 1600, 16_000))
        segment = Segment(span, sound=sound, key=bytes([number]) * 32)
        tasks.append(bundles[number % len(bundles)].task(segment))
    with ThreadPoolExecutor(len(tasks)) as threads:
        settled = list(threads.map(lambda task: task(), tasks))
    for fn in bundles:
        fn.teardown()
    assert all(isinstance(each.value, Utterance) for each in settled)
    assert (in_flight, most) == (0, settings.concurrency)


def test_sound_is_let_go_before_anothers_turn(tmp_path, serve, local_credentials):
    pcm = bytes(range(256)) * 1000  # sent as wav
    free = sys.getrefcount(pcm)
    held = []

    class Turns:
        def __enter__(self):
            held.append(sys.getrefcount(pcm) - free)

        def __exit__(self, *_):
            held.append(sys.getrefcount(pcm) - free)

    class OnDisk:
        samples = len(pcm) // 2
        sample_rate = 16_000

        def slices(self):
            yield pcm

    fn = RecognizeFn(settings_for(tmp_path, serve().endpoint))
    fn.setup()
    fn._encoding = Turns()
    span = Span("/a.wav", 7, 0, 0, 0, OnDisk.samples, 16_000, "16k_en")
    settled = fn.task(Segment(span, sound=OnDisk()))()
    fn.teardown()
    assert isinstance(settled.value, Utterance)
    assert held == [0] * 6  # in and out: measured, encoded, put into the row if that is asked for


def test_each_result_goes_to_its_own_output(tmp_path):
    fn = RecognizeFn(settings_for(tmp_path))
    failure = Failure("/a.wav", Stage.RECOGNIZE, "InternalError", "why", True)
    tags = {
        type(value).__name__: [output.tag for output in fn.outputs(Settled(value, Reading()))]
        for value in (Utterance(SPAN, "", (), "", 1, 0), failure, SPAN)
    }
    assert tags == {
        "Utterance": [None, "pieces"],
        "Failure": ["failures", "pieces"],
        "Span": ["unanswered", "pieces"],
    }


def test_an_extent_is_only_handed_on(tmp_path):
    piece = Piece(extent_of("/a", segments=0, duration=10, covered=0))
    [output] = RecognizeFn(settings_for(tmp_path)).process(piece)
    assert (output.tag, output.value) == ("pieces", piece)


def test_one_folder_is_all_that_it_needs(tmp_path):
    settings = RecognizeSettings(tmp_path)
    assert settings.client.endpoint == "https://asr.tencentcloudapi.com"
    assert (settings.pace.quota_per_second, settings.state) == (25.0, None)


def test_a_bundle_that_breaks_ends_its_own_calls_and_not_the_run(tmp_path, serve, local_credentials):
    service = serve(latency_ms=(300, 300))
    settings = replace(settings_for(tmp_path, service.endpoint), pace=PacePolicy(0.5), concurrency=2)
    fn = RecognizeFn(settings)
    fn.setup()
    for number in range(2):
        span = Span(f"/{number}.wav", 7, 0, 0, 0, 1600, 16_000, "16k_en")
        audio = sound_of(bytes([1, number]) * 1600, 16_000)
        assert list(fn.process(Segment(span, sound=LoadedSound(audio)))) == []
    while not service.stats().calls:
        time.sleep(0.01)
    fn.teardown()
    assert service.stats().calls == 1
    assert StopSignal(tmp_path).reason() is None
