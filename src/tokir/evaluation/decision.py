"""When a difference is called significant: one rule for tables, findings, verdict and figures."""

from __future__ import annotations

LEVEL = 0.05
ROUNDING = 1e-9  # by which a score, or a mean of scores, may lie outside of what it can be


def significant(p_holm: float, interval: tuple[float, float]) -> bool:
    """Is a difference significant: p below 5% after Holm's correction, and zero outside of its 95% interval?"""
    low, high = interval
    return p_holm < LEVEL and (low > 0 or high < 0)
