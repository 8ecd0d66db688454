"""Metrics as Prometheus reads them."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from podium.telemetry.metrics import KNOWN
from podium.telemetry.registry import COUNTER, GAUGE, HISTOGRAM, SERIES_MAX, About, Registry, exposed

PROMTOOL = os.environ.get("PODIUM_PROMTOOL") or shutil.which("promtool") or ""


def samples(registry: Registry) -> dict[str, dict[tuple[str, ...], float]]:
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(exposed(registry.families())):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def everything() -> Registry:
    """One series of every metric that there is."""
    registry = Registry(KNOWN)
    gauges = []
    for name, about in KNOWN.items():
        labels = tuple(f"a {label}" for label in about.labels)
        if about.kind == HISTOGRAM:
            registry.observe(name, 0.3, *labels)
        elif about.kind == COUNTER:
            registry.count(name, *labels)
        else:
            gauges.append((name, 1.5, labels))
    registry.tell(gauges)
    return registry


def test_every_metric_is_read_back() -> None:
    found = samples(everything())
    for name, about in KNOWN.items():
        assert (f"{name}_count" if about.kind == HISTOGRAM else name) in found


@pytest.mark.skipif(
    not PROMTOOL, reason="promtool is not there; `apt install prometheus`, or PODIUM_PROMTOOL"
)
def test_promtool_finds_nothing_wrong() -> None:
    checked = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=exposed(everything().families()), text=True, capture_output=True
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_labels_with_quotes_lines_and_backslashes() -> None:
    registry = Registry({"a_total": About(COUNTER, ("of",), 'says "so"\nand \\ so')})
    odd = 'a "quoted"\nname \\ here'
    registry.count("a_total", odd, by=2)
    assert samples(registry)["a_total"] == {(odd,): 2.0}


def test_buckets_add_up() -> None:
    registry = Registry({"a_seconds": About(HISTOGRAM, (), "")})
    for value in (0.005, 0.3, 0.3, 100_000.0):
        registry.observe("a_seconds", value)
    found = samples(registry)
    assert found["a_seconds_bucket"][("0.005",)] == 1
    assert found["a_seconds_bucket"][("0.5",)] == 3
    assert found["a_seconds_bucket"][("+Inf",)] == found["a_seconds_count"][()] == 4
    assert found["a_seconds_sum"][()] == 100_000.605


def test_too_many_series_count_together() -> None:
    registry = Registry({"a_total": About(COUNTER, ("of",), "")})
    for number in range(SERIES_MAX + 10):
        registry.count("a_total", str(number))
    found = samples(registry)["a_total"]
    assert len(found) == SERIES_MAX + 1 and found["other",] == 10


def test_gauges_that_are_told_no_more_are_forgotten() -> None:
    registry = Registry({"a": About(GAUGE, ("of",), ""), "b": About(GAUGE, (), "")})
    registry.tell([("a", 1, ("x",)), ("a", 2, ("y",)), ("b", 3, ())])
    registry.tell([("a", 5, ("y",))])
    assert samples(registry) == {"a": {("y",): 5.0}}


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_every_metric_says_what_it_counts(name: str) -> None:
    about = KNOWN[name]
    assert about.about.endswith(".")
    assert name.endswith("_total") == (about.kind == COUNTER)
