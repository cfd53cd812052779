from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.keys import PlanBasis, answer_key, plan_key, tiled_plan_key, url_key

TEXTS = st.text(st.characters(), max_size=8)
NUMBERS = st.integers(0, 2**40)
DIGESTS = st.binary(min_size=32, max_size=32)
# Values that look alike: 1 and "1", names that run into values.
PAIRS = st.tuples(TEXTS, st.one_of(TEXTS, NUMBERS, st.sampled_from(["1", 1, "", "a", '","'])))
FINGERPRINTS = st.lists(PAIRS, max_size=4).map(tuple)
BASIS = {
    "content_digest": DIGESTS,
    "channels": TEXTS,
    "sample_rate": NUMBERS,
    "voice_format": TEXTS,
    "max_payload_bytes": NUMBERS,
    "fingerprint": FINGERPRINTS,
}


def plan_of(cutting: Any, **basis: Any) -> bytes:
    return plan_key(PlanBasis(**basis), cutting)


def tiled_plan_of(max_samples: int, search_samples: int, **basis: Any) -> bytes:
    return tiled_plan_key(PlanBasis(**basis), max_samples, search_samples)


FIELDS = {
    answer_key: {
        "pcm_digest": DIGESTS,
        "samples": NUMBERS,
        "sample_rate": NUMBERS,
        "voice_format": TEXTS,
        "bit_rate": NUMBERS,
        "fingerprint": FINGERPRINTS,
    },
    url_key: {"url": TEXTS, "mark": TEXTS, "voice_format": TEXTS, "fingerprint": FINGERPRINTS},
    plan_of: {**BASIS, "cutting": FINGERPRINTS},
    tiled_plan_of: {**BASIS, "max_samples": NUMBERS, "search_samples": NUMBERS},
}


@pytest.mark.parametrize("make", FIELDS)
@given(data=st.data())
def test_a_key_is_a_digest_of_every_field(make: Any, data: st.DataObject) -> None:
    fields = data.draw(st.fixed_dictionaries(FIELDS[make]))
    others = data.draw(st.fixed_dictionaries(FIELDS[make]))
    assert len(make(**fields)) == 32
    assert make(**fields) == make(**dict(fields))
    assert (make(**fields) == make(**others)) == (fields == others)
    for name, value in others.items():
        changed = fields | {name: value}
        assert (make(**fields) == make(**changed)) == (fields == changed)


def test_texts_that_run_into_each_other_are_told_apart() -> None:
    def of(*pairs: tuple[str, str | int], voice_format: str = "wav") -> bytes:
        return url_key(url="u", mark="", voice_format=voice_format, fingerprint=pairs)

    keys = [
        of(("a", "1")),
        of(("a", 1)),
        of(("a", '1"],["b","2')),
        of(("a", "1"), ("b", "2")),
        of(("a", "\ud83d\ude00")),
        of(("a", "\U0001f600")),
        of(voice_format='wav",[["a","1"]'),
    ]
    assert len(set(keys)) == len(keys)


def test_keys_stay_as_they_are() -> None:
    """Another value here means that nothing paid for before is found again."""
    fingerprint = (("EngSerViceType", "16k_zh"), ("WordInfo", 2))
    known = answer_key(
        pcm_digest=bytes(32),
        samples=16000,
        sample_rate=16000,
        voice_format="wav",
        bit_rate=0,
        fingerprint=fingerprint,
    )
    assert known.hex() == "46772e280416af3f361216bb4e812f29969cbc9e66144dc216fa6d75dd201c77"
    basis = PlanBasis(bytes(32), "mix", 16000, "auto", 600_000, fingerprint)
    tiled = tiled_plan_key(basis, max_samples=944000, search_samples=1)
    assert tiled.hex() == "292714fafd6153991c2686a05b35ecc239d522a355d8576727cbd0f8cd24f061"
    plan = plan_key(basis, (("max_samples", 944000), ("squeeze_to_seconds", None), ("padding_seconds", 0.3)))
    assert plan.hex() == "f6960ce6bc61b426a663e49f235f04b1df5f07bee4c73d894ac9a5780ad288e9"
    url = url_key(url="https://a/b", mark="", voice_format="wav", fingerprint=fingerprint)
    assert url.hex() == "95f5881fc63edc1104fd5e35893e1ba0176564b28de214ad3f04f7b1997d65ba"
