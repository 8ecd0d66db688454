"""Metrics as they stand: families of series, and how Prometheus reads them.

Source: Prometheus text-based exposition format 0.0.4; OpenMetrics naming (base units, `_total`).
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"

SERIES_MAX = 2_000
"""A family has no more series: what comes beyond is counted together, under labels that say `other`."""

SECONDS = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0, 86_400.0)
"""Bounds of what takes time."""

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class About(NamedTuple):
    """What there is to know of a family beforehand: its kind, its labels, and what it counts."""

    kind: str
    labels: tuple[str, ...]
    about: str
    unit: str = ""


class Family:
    """One metric with all its series: by label values, a number; of a histogram counts and their sum."""

    __slots__ = ("about", "bounds", "kind", "labels", "name", "series", "unit")

    def __init__(self, name: str, about: About, bounds: tuple[float, ...] = SECONDS) -> None:
        self.name, self.kind, self.labels, self.about = name, about.kind, about.labels, about.about
        self.unit = about.unit
        self.bounds = bounds if about.kind == HISTOGRAM else ()
        self.series: dict[tuple[str, ...], float | list[float]] = {}

    def labelled(self) -> Iterator[tuple[dict[str, str], float | list[float]]]:
        """Each series with its labels."""
        for values, value in list(self.series.items()):
            yield dict(zip(self.labels, values, strict=True)), value

    def place(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """The series that these label values count in."""
        assert len(values) == len(self.labels), f"{self.name} has the labels {self.labels}"
        if values in self.series or len(self.series) < SERIES_MAX:
            return values
        return ("other",) * len(self.labels)


class Registry:
    """All metrics. Any thread may count, and read.

    Args:
        known: what metrics there are, by name.
    """

    def __init__(self, known: Mapping[str, About]) -> None:
        self._families = {name: Family(name, about) for name, about in known.items()}
        self._lock = threading.Lock()
        for family in self._families.values():
            if family.kind == COUNTER and not family.labels:
                family.series[()] = 0.0

    def count(self, name: str, *values: str, by: float = 1.0) -> None:
        """Add to a counter."""
        family = self._families[name]
        with self._lock:
            place = family.place(values)
            present = family.series.get(place, 0.0)
            assert isinstance(present, float)
            family.series[place] = present + by

    def tell(self, gauges: Iterable[tuple[str, float, tuple[str, ...]]]) -> None:
        """Say how all gauges stand: name, value and labels; series that are not told of are forgotten."""
        told: dict[str, dict[tuple[str, ...], float | list[float]]] = {}
        for name, value, labels in gauges:
            told.setdefault(name, {})[self._families[name].place(labels)] = float(value)
        with self._lock:
            for family in self._families.values():
                if family.kind == GAUGE:
                    family.series = told.get(family.name, {})
                elif family.name in told:
                    family.series = told[family.name]

    def observe(self, name: str, value: float, *values: str) -> None:
        """Count a value in a histogram."""
        family = self._families[name]
        with self._lock:
            place = family.place(values)
            series = family.series.get(place)
            if not isinstance(series, list):
                series = family.series[place] = [0.0] * (len(family.bounds) + 2)
            series[bisect_left(family.bounds, value)] += 1
            series[-1] += value

    def families(self) -> list[Family]:
        """All of them, as they stand."""
        with self._lock:
            found = []
            for family in self._families.values():
                copied = Family(family.name, About(family.kind, family.labels, family.about, family.unit))
                copied.series = {
                    place: list(value) if isinstance(value, list) else value
                    for place, value in family.series.items()
                }
                found.append(copied)
            return found


def exposed(families: Iterable[Family]) -> str:
    """Metrics as Prometheus reads them."""
    lines: list[str] = []
    for family in families:
        lines += (f"# HELP {family.name} {_help(family.about)}", f"# TYPE {family.name} {family.kind}")
        for labels, value in family.labelled():
            if isinstance(value, list):
                lines += _histogram(family, labels, value)
            else:
                lines.append(f"{family.name}{_labels(labels)} {_number(value)}")
    return "\n".join(lines) + "\n"


def _histogram(family: Family, labels: dict[str, str], value: list[float]) -> Iterator[str]:
    total = 0.0
    for bound, count in zip((*family.bounds, float("inf")), value[:-1], strict=True):
        total += count
        yield f"{family.name}_bucket{_labels({**labels, 'le': _bound(bound)})} {_number(total)}"
    yield f"{family.name}_sum{_labels(labels)} {_number(value[-1])}"
    yield f"{family.name}_count{_labels(labels)} {_number(total)}"


def _bound(bound: float) -> str:
    return "+Inf" if bound == float("inf") else repr(bound)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
