"""Writes the table of seeded bugs into docs/testing.md: `python docs/mutations.py`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.mutations.mutation import Mutation  # noqa: E402
from tests.mutations.mutations import MUTATIONS  # noqa: E402

PAGE = ROOT / "docs" / "testing.md"
BEGIN, END = "<!-- mutations -->\n", "<!-- /mutations -->\n"


def page() -> str:
    """The page with the table as the code has it."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = [f"{len(MUTATIONS)} bugs.\n", "| bug | what no longer holds | caught by |", "|---|---|---|"]
    lines += [f"| `{one.name}` | {one.breaks} | {_caught_by(one)} |" for one in MUTATIONS]
    return before + BEGIN + "\n".join(lines) + "\n" + END + after


def _caught_by(mutation: Mutation) -> str:
    named = [by if by[1:].isdigit() else f"`{by}`" for by in mutation.caught_by]
    tests = [f"[{Path(test).stem}](../{test})" for test in mutation.tests]
    return ", ".join(tests or named)


if __name__ == "__main__":
    PAGE.write_text(page())
