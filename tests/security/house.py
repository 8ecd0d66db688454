"""A hub with one tool, a program that notes every call of it before it does anything else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from podium.facts.catalog import Declared
from podium.resources.manifest import read_text
from tests.runtime.serving import House, workflow

PROGRAM = """\
import json, pathlib, sys

with (pathlib.Path(__file__).parent / "calls").open("a") as book:
    book.write(sys.stdin.read().strip() + "\\n")
print(json.dumps("done"))
"""

TOOL = """\
apiVersion: podium.dev/v1
kind: Tool
metadata: {{name: {name}}}
spec:
  version: 1.0.0
  sideEffect: {side_effect}
  {cost}
  runtime: {{process: {{command: [{python}, {program}]}}}}
"""

HEAD = "apiVersion: podium.dev/v1\nkind: Policy\nmetadata: {name: house}\nspec:\n  version: 1.0.0\n"


def declared(text: str, folder: Path) -> list[Declared]:
    """The resources of a text."""
    documents, troubles = read_text(text, "given.yaml", str(folder))
    assert not troubles, troubles
    return [Declared(one.kind, one.name, one.version, one.digest, one.spec) for one in documents]


def policy(spec: str) -> str:
    """A policy of these lines."""
    return HEAD + "".join(f"  {line}\n" for line in spec.splitlines())


class Shop:
    """A hub, its tool `payments.transfer`, and the workflow that calls it with whatever it is given.

    Args:
        cost: what the tool says of its price, as it stands in a manifest.
    """

    def __init__(self, folder: Path, cost: str = 'cost: {perCall: {usd: "0.01"}}') -> None:
        self.folder, self.house = folder, House(folder)
        program = folder / "program.py"
        program.write_text(PROGRAM)
        tool = TOOL.format(
            name="payments.transfer", side_effect="write", cost=cost, python=sys.executable, program=program
        )
        self.house.apply(*declared(tool, folder))
        pay = {"call": "tool", "with": {"tool": "payments.transfer", "args": "${ . }"}}
        self.house.apply(workflow("pay", {"pay": pay}))

    def apply(self, spec: str) -> None:
        """Put a policy in force."""
        self.house.apply(*declared(policy(spec), self.folder))

    def pay(self, args: Any) -> str:
        """Begin a run; gives its id."""
        return self.house.submit("test/pay", args)

    def paid(self, args: Any) -> tuple[str, int]:
        """How a run ended, and with what status of its error."""
        shown = self.house.call("wait", run_id=self.pay(args), timeout_ms=30_000)
        return shown["status"], (shown.get("error") or {}).get("status", 0)

    def calls(self) -> int:
        """How often the tool was called, by its own book."""
        book = self.folder / "calls"
        return len(book.read_text().splitlines()) if book.exists() else 0

    def close(self) -> None:
        self.house.close()
