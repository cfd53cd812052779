"""What calls cost: a table of prices that is data, and the sum. Pure."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pipeline.config_errors import describe, known_keys
from pipeline.yaml_text import parse_yaml
from transforms.errors import UsageError


class PriceTier(BaseModel):
    """The price of a call on a day with fewer calls than ``calls_below`` (None: any number)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    calls_below: int | None = Field(default=None, gt=0)
    per_thousand_calls: Decimal = Field(ge=0)


class PriceTable(BaseModel):
    """Prices by the volume of a day, from the smallest volume up.

    Attributes:
        currency: of all amounts, as an ISO 4217 code.
        read_on: the day on which somebody read the prices at ``source``.
        free_calls_per_month: what the account gets for nothing; said, never
            deducted, since nobody here knows what of it is left.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    read_on: date
    source: str = Field(min_length=1)
    free_calls_per_month: int = Field(ge=0)
    tiers: tuple[PriceTier, ...] = Field(min_length=1)

    @field_validator("tiers")
    @classmethod
    def _tiers_ascend(cls, tiers: tuple[PriceTier, ...]) -> tuple[PriceTier, ...]:
        limits = [tier.calls_below for tier in tiers if tier.calls_below is not None]
        if tiers[-1].calls_below is not None or len(limits) < len(tiers) - 1:
            raise ValueError("calls_below in every tier but the last, which has none")
        if any(later <= earlier for earlier, later in pairwise(limits)):
            raise ValueError("tiers with rising calls_below")
        return tiers

    def per_thousand_calls(self, billed_calls: int) -> Decimal:
        """The price of 1,000 calls on a day with so many."""
        for tier in self.tiers:
            if tier.calls_below is None or billed_calls < tier.calls_below:
                return tier.per_thousand_calls
        raise AssertionError("the last tier holds every number of calls")

    def cost(self, billed_calls: int) -> Decimal:
        """What so many calls cost when they are all of one day's calls.

        One price holds for the whole day, so the cost falls where a cheaper tier
        begins. Calls spread over several days, or a day that other runs share,
        may cost more or less per call.

        Raises:
            ValueError: the number is negative.
        """
        if billed_calls < 0:
            raise ValueError(f"billed_calls is {billed_calls}, expected 0 or more")
        return self.per_thousand_calls(billed_calls) * billed_calls / 1000

    def cost_by_days(self, billed_calls: int, calls_per_day: int) -> Decimal:
        """What so many calls cost when every day but the last one has the same number of them.

        Raises:
            ValueError: a number is negative, or there are no calls in a day.
        """
        if calls_per_day <= 0:
            raise ValueError(f"calls_per_day is {calls_per_day}, expected 1 or more")
        days, rest = divmod(billed_calls, calls_per_day)
        return days * self.cost(calls_per_day) + self.cost(rest)

    def cost_range(self, low_calls: int, high_calls: int, calls_per_day: int) -> tuple[Decimal, Decimal]:
        """The least and the most of `cost_by_days` over a range of calls, both ends included.

        More calls may cost less, where they reach a cheaper tier.
        """
        ends = {low_calls, high_calls}
        days = (low_calls // calls_per_day, high_calls // calls_per_day)
        # Between two days of full length the cost only rises, but for what one day can add.
        for day in {days[0], days[0] + 1, max(days[0], days[1] - 1), days[1]}:
            for tier in self.tiers[:-1]:
                assert tier.calls_below is not None, "only the last tier is open"
                begin = day * calls_per_day + min(tier.calls_below, calls_per_day)
                ends |= {begin - 1, begin}
        costs = [self.cost_by_days(n, calls_per_day) for n in ends if low_calls <= n <= high_calls]
        return min(costs), max(costs)

    def calls_within(self, amount: Decimal) -> int | None:
        """The most calls that may be made one by one without ever costing more than an amount.

        Cheaper tiers make more calls cost less than fewer; the way there counts too.

        Returns:
            The number; None where any number costs no more.
        """
        for tier in self.tiers:
            last = None if tier.calls_below is None else tier.calls_below - 1
            if tier.per_thousand_calls == 0:
                continue
            affordable = int(amount * 1000 / tier.per_thousand_calls)
            if last is None or affordable < last:
                return affordable
        return None


def parse_prices(text: str | bytes, name: str) -> PriceTable:
    """The price table that a YAML document holds.

    Args:
        text: the document.
        name: what errors call it.

    Raises:
        UsageError: it is no price table; every problem is listed.
    """
    tree = parse_yaml(text, name)
    try:
        return PriceTable.model_validate(tree)
    except ValidationError as error:
        problems = describe(error, known_keys(PriceTable))
        raise UsageError("\n  ".join([f"the prices {name} cannot be used:", *problems])) from None
