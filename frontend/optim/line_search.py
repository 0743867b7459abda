"""A line search for steps that satisfy the strong Wolfe conditions."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import NamedTuple

from brasa.tensors.tensor import Tensor

_DECREASE, _CURVATURE, _SMALLEST_MOVE = 1e-4, 0.9, 1e-9


class Point(NamedTuple):
    """A place on the line. step: how far; loss and gradient there; slope: the gradient along the line."""

    step: float
    loss: float
    gradient: Tensor
    slope: float


def cubic_minimum(a: Point, b: Point, bounds: tuple[float, float] | None = None) -> float:
    """The step at the minimum of the cubic through two points, within bounds (at first between the points)."""
    low, high = bounds or (min(a.step, b.step), max(a.step, b.step))
    left, right = (a, b) if a.step <= b.step else (b, a)
    d1 = left.slope + right.slope - 3 * (left.loss - right.loss) / (left.step - right.step)
    square = d1 * d1 - left.slope * right.slope
    if not square >= 0:
        return (low + high) / 2
    d2 = sqrt(square)
    below = right.slope - left.slope + 2 * d2
    if below == 0:
        return high
    place = right.step - (right.step - left.step) * ((right.slope + d2 - d1) / below)
    return min(max(place, low), high)


def strong_wolfe(
    at: Callable[[float], Point], start: Point, step: float, reach: float, budget: int
) -> tuple[Point, int]:
    """(a point that satisfies the conditions, or the best one found; how many points were computed).

    Nocedal and Wright, "Numerical optimization", 2006, algorithms 3.5 and 3.6. at: computes a point. start: the point
    at step 0. reach: the largest change of an element that a step of 1 makes. budget: how many points may be computed
    after the first.
    """
    before, point, used = start, at(step), 0
    while used < budget:
        if _too_high(point, start) or (used > 1 and point.loss >= before.loss):
            return _zoomed(at, start, before, point, reach, budget, used)
        if _flat(point, start):
            return point, used + 1
        if point.slope >= 0:
            return _zoomed(at, start, before, point, reach, budget, used)
        bounds = (point.step + 0.01 * (point.step - before.step), point.step * 10)
        before, point = point, at(cubic_minimum(before, point, bounds))
        used += 1
    return min(start, point, key=lambda each: each.loss), used + 1


def _too_high(point: Point, start: Point) -> bool:
    return point.loss > start.loss + _DECREASE * point.step * start.slope


def _flat(point: Point, start: Point) -> bool:
    return abs(point.slope) <= -_CURVATURE * start.slope


def _zoomed(
    at: Callable[[float], Point], start: Point, low: Point, high: Point, reach: float, budget: int, used: int
) -> tuple[Point, int]:
    """The search between two points, of which the lower one is kept as low."""
    low, high = sorted((low, high), key=lambda each: each.loss)
    stalled = False
    while used < budget and abs(high.step - low.step) * reach >= _SMALLEST_MOVE:
        step, stalled = _inside(cubic_minimum(low, high), low, high, stalled)
        point = at(step)
        used += 1
        if _too_high(point, start) or point.loss >= low.loss:
            high = point
            if high.loss < low.loss:
                low, high = high, low
            continue
        if _flat(point, start):
            return point, used + 1
        if point.slope * (high.step - low.step) >= 0:
            high = low
        low = point
    return low, used + 1


def _inside(step: float, low: Point, high: Point, stalled: bool) -> tuple[float, bool]:
    """The step, moved away from an end of the interval where it has come too near twice; whether it is near now."""
    least, most = sorted((low.step, high.step))
    margin = 0.1 * (most - least)
    if min(most - step, step - least) >= margin:
        return step, False
    if stalled or step >= most or step <= least:
        return (most - margin if abs(step - most) < abs(step - least) else least + margin), False
    return step, True
