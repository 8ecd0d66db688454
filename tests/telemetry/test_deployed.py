"""The dashboard and the alert rules name nothing that is not measured."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from podium.telemetry.metrics import KNOWN
from podium.telemetry.registry import HISTOGRAM
from tests.telemetry.test_registry import PROMTOOL

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "alerts" / "podium.yaml"
BOARD = json.loads((DEPLOY / "grafana" / "podium.json").read_text())

_NAME = re.compile(r"\b(?:podium|gen_ai|process)_[a-z_]+")
_SELECTOR = re.compile(r"\b((?:podium|gen_ai|process)_[a-z_]+)\{([^}]*)\}")

OF_SCRAPES = {"instance", "job", "le"}
"""Labels that Prometheus adds, and that histograms have."""


def expressions() -> Iterator[str]:
    for panel in BOARD["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]
    for variable in BOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]
    for rule in rules():
        yield rule["expr"]


def rules() -> list[dict[str, Any]]:
    groups = YAML(typ="safe").load(RULES)["groups"]
    return [rule for group in groups for rule in group["rules"]]


def family_of(name: str) -> str:
    for suffix in ("_bucket", "_sum", "_count"):
        if name.endswith(suffix) and KNOWN.get(name.removesuffix(suffix)) is not None:
            assert KNOWN[name.removesuffix(suffix)].kind == HISTOGRAM
            return name.removesuffix(suffix)
    return name


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_what_is_named_is_measured(expression: str) -> None:
    names = _NAME.findall(expression)
    assert names or 'up{job="podium"}' in expression
    assert [name for name in names if family_of(name) not in KNOWN] == []
    for name, matchers in _SELECTOR.findall(expression):
        labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
        assert labels - OF_SCRAPES <= set(KNOWN[family_of(name)].labels)
    grouped = {label for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(", ")}
    assert grouped - OF_SCRAPES <= {label for name in names for label in KNOWN[family_of(name)].labels}


def test_every_alert_says_what_is_wrong_and_only_with_labels_that_are_there() -> None:
    alerts = [rule["alert"] for rule in rules()]
    assert len(set(alerts)) == len(alerts) > 10
    for rule in rules():
        assert rule["annotations"]["summary"] and rule["labels"]["severity"] in (
            "critical",
            "warning",
            "info",
        )
        told = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        known = {label for name in _NAME.findall(rule["expr"]) for label in KNOWN[family_of(name)].labels}
        assert told - OF_SCRAPES <= known, rule["alert"]


def test_panels_stand_beside_each_other() -> None:
    taken = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken and max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


@pytest.mark.skipif(
    not PROMTOOL, reason="promtool is not there; `apt install prometheus`, or PODIUM_PROMTOOL"
)
def test_promtool_reads_the_rules() -> None:
    checked = subprocess.run([PROMTOOL, "check", "rules", str(RULES)], text=True, capture_output=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
