"""How segments are recognized: what `Recognize` carries to its workers."""

from __future__ import annotations

from dataclasses import dataclass, field

from transforms.client import ClientSettings
from transforms.pace import PacePolicy
from transforms.request import RequestParameters
from transforms.retry import RetryPolicy
from transforms.shared_place import Coordination, State


@dataclass(frozen=True, slots=True)
class RecognizeSettings:
    """How segments are recognized.

    Attributes:
        coordination: what the processes of the run share.
        client: where and how calls are sent.
        parameters: what the request says beside the audio.
        pace: the quota of the account, shared by all workers of the host.
        shared_quota: address of a Redis server, to share it with runs on other hosts as well.
        retry: how often a call is repeated.
        voice_format: what audio is sent as; "auto" chooses per segment.
        max_payload_bytes: the largest payload, before base64.
        concurrency: calls in flight at most, of each bundle that is worked on.
        process_concurrency: the same of all bundles in one process; None for those of one bundle.
        state: where the record of paid answers and the budget lie; None to keep neither.
        chain: the name of the run and the unfinished ones that the budget counts together.
        max_calls: that may be billed, over this run and the killed ones it continues.
        ask_again: whether segments that were refused for good are called for again.
        include_audio: whether utterances carry the sound of their spans.
    """

    coordination: Coordination
    client: ClientSettings = field(default_factory=ClientSettings)
    parameters: RequestParameters = field(default_factory=RequestParameters)
    pace: PacePolicy = field(default_factory=lambda: PacePolicy(quota_per_second=25.0))
    shared_quota: str | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    voice_format: str = "auto"
    max_payload_bytes: int = 600_000
    concurrency: int = 48
    process_concurrency: int | None = None
    state: State | None = None
    chain: str = ""
    max_calls: int | None = None
    ask_again: bool = False
    include_audio: bool = False
