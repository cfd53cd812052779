from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transforms.codes import Verdict
from transforms.watch import ENOUGH, EVERY_PAYLOAD_REFUSED, OUTAGE, Watch

BAD_AUDIO = "InvalidParameterValue.ErrorInvalidVoicedata"


def after(*steps: tuple[str, Verdict] | None) -> Watch:
    watch = Watch()
    for step in steps:
        watch = watch.answered() if step is None else watch.failed(*step)
    return watch


def test_the_first_payloads_refused_alike_stop_the_run():
    refused = (BAD_AUDIO, Verdict.SEGMENT)
    assert after(*[refused] * (ENOUGH - 1)).reason() is None
    reason = after(*[refused] * ENOUGH).reason()
    assert reason is not None
    assert reason.code == EVERY_PAYLOAD_REFUSED
    assert BAD_AUDIO in reason.message


def test_different_refusals_or_one_answer_are_the_recordings_not_the_configuration():
    refused = (BAD_AUDIO, Verdict.SEGMENT)
    other = ("InvalidParameterValue.ErrorVoicedataTooLong", Verdict.SEGMENT)
    assert after(other, *[refused] * 3 * ENOUGH).reason() is None
    assert after(None, *[refused] * 3 * ENOUGH).reason() is None


def test_passing_errors_in_a_row_are_an_outage():
    down = ("ConnectionFailed", Verdict.TRANSIENT)
    assert after(*[down] * (ENOUGH - 1), None, *[down] * (ENOUGH - 1)).reason() is None
    reason = after(None, *[down] * ENOUGH).reason()
    assert reason is not None
    assert reason.code == OUTAGE


@given(
    st.lists(
        st.sampled_from([None, ("A", Verdict.SEGMENT), ("B", Verdict.UNKNOWN), ("C", Verdict.TRANSIENT)]),
        max_size=3 * ENOUGH,
    )
)
def test_a_run_with_an_answer_among_any_twenty_segments_goes_on(steps):
    spread = [None if number % ENOUGH == 0 else step for number, step in enumerate(steps)]
    assert after(*spread).reason() is None
