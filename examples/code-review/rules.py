"""What the rules mean to a reader; they stand in `rules.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import NamedTuple


class Rule(NamedTuple):
    """How grave a rule is, and what a finding of it says; `rules.toml` explains the fields."""

    severity: str
    title: str
    advice: str
    certainty: float = 1.0
    in_tests: bool = False


def _read() -> dict[str, dict[str, Rule]]:
    tables = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    return {table: {code: Rule(**rule) for code, rule in rules.items()} for table, rules in tables.items()}


_RULES = _read()
LINT = _RULES["lint"]
"""Rules of ruff."""
SECURITY = _RULES["security"]
"""Rules of bandit."""
SECRETS = _RULES["secrets"]
"""Forms of secrets that we search for ourselves."""
PATTERNS = _RULES["patterns"]
"""Forms of weaknesses in languages that bandit does not read."""
OWN = _RULES["own"]
"""What we judge ourselves, of complexity and of the project around the code."""
