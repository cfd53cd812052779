from __future__ import annotations

import pytest

from benchmarks.kills import CONCURRENCY, kill_again_and_again


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_twenty_kills_lose_nothing_double_nothing_and_cost_no_more_than_the_calls_in_flight(tmp_path):
    outcome = kill_again_and_again(20, 7, tmp_path, print)
    assert outcome.problems == []
    # Kills that all came too late would prove nothing.
    assert outcome.killed >= 10
    assert 0 <= outcome.billed - outcome.distinct <= CONCURRENCY * outcome.killed
    assert outcome.worst_repeated <= CONCURRENCY
