from tests.e2e.test_state_machine import *
from hypothesis import settings as S


class TestBig(PaidOnce.TestCase):
    settings = S(
        max_examples=40, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
    )


del TestPaidOnce
