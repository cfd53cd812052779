"""Counts as Beam's metrics, under the same names."""

from __future__ import annotations

from apache_beam.metrics import Metrics

from transforms.reading import NOW, NUMBERS, Reading

NAMESPACE = "beamscribe"
_BY_CODE = ("retries", "failures")


def count(counts: Reading) -> None:
    """Add to Beam's counters, on the bundle's thread; elsewhere it would vanish.

    Codes are counters of ``beamscribe.retries`` and ``beamscribe.failures``.
    """
    for name in NUMBERS:
        value = getattr(counts, name)
        if value and name not in NOW:
            Metrics.counter(NAMESPACE, name).inc(value)
    for kind in _BY_CODE:
        for code, times in getattr(counts, kind).items():
            Metrics.counter(f"{NAMESPACE}.{kind}", code).inc(times)
