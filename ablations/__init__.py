"""Ablation: plan, preflight, execute, judge and tell, joined by plain frozen data."""

import cal  # noqa: F401  telemetry is off before any library opens
