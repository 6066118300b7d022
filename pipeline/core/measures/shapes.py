"""How each condition's values are shown, and on which side of a threshold the breach is."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.core.rules import Change, Condition, Resource, Throughput


@dataclass(frozen=True, slots=True)
class Shape:
    """How a condition's values are shown: `value / scale` in `unit`; a breach is `value comparison threshold`."""

    unit: str
    comparison: str
    scale: float = 1


_SHAPES = {
    "error_rate": Shape("ratio", ">"),
    "success_rate": Shape("ratio", "<"),
    "response_time": Shape("ms", ">", 1_000),
    "slow_operations": Shape("per_minute", ">"),
    "critical_error": Shape("count", ">"),
    "absence": Shape("s", ">=", 1_000),
    "error_count": Shape("count", ">"),
    "errors_per_second": Shape("per_second", ">"),
    "throughput": Shape("per_second", ">"),
    "budget": Shape("ratio", ">"),
    "burn_rate": Shape("factor", ">"),
    "change": Shape("factor", ">"),
    "resource": Shape("", ">"),
}


def shape_of(condition: Condition) -> Shape:
    """Return how a condition's values are shown."""
    shape = _SHAPES[condition.type]
    if isinstance(condition, Throughput | Change | Resource) and condition.side == "below":
        return Shape(shape.unit, "<", shape.scale)
    return shape
