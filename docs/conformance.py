"""Writes docs/reference/conformance.md: `PODIUM_OWS=… python docs/conformance.py`; a test holds it to that.

`PODIUM_OWS` names a folder that holds `examples/` and `ctk/features/` of the Open Workflow Specification.
What is said to run is run by the tests in tests/conformance, which share the list.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "conformance.md"
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from podium.workflow.compile import compile_workflow  # noqa: E402
from tests.conformance.examples import RUNS, WAITING  # noqa: E402
from tests.conformance.kit import from_yaml, scenarios  # noqa: E402

_HEAD = """# Conformance

What Podium makes of the material that the [Open Workflow Specification](https://serverlessworkflow.io)
publishes for DSL 1.0.3. The scenarios, and the examples that *run*, are run by the tests through a real hub,
against stand-ins for the services that they call. This page is made by `docs/conformance.py`. What the
language means where the specification leaves room is on [its page](workflow-language.md).
"""

_KIT = """
## Conformance kit

{passed} of {all} scenarios pass.

| scenario | |
|---|---|
"""

_EXAMPLES = """
## Examples

{runs} of {all} run as they are, {compiles} more compile, {refused} are refused for a documented limit.

| example | | why |
|---|---|---|
"""


def page(folder: Path) -> str:
    """The page, as Markdown."""
    kit = [(one.title, *_made_of(one.document)) for one in scenarios(folder / "ctk" / "features")]
    passed = sum(compiles for _, compiles, _ in kit)
    parts = [_HEAD, _KIT.format(passed=passed, all=len(kit))]
    parts += [f"| {title} | {'passes' if compiles else 'is refused'} |\n" for title, compiles, _ in kit]
    rows = [_example(path) for path in sorted((folder / "examples").glob("*.yaml"))]
    counts = {verdict: sum(row[1] == verdict for row in rows) for verdict in ("runs", "compiles", "refused")}
    parts.append(_EXAMPLES.format(all=len(rows), **counts))
    parts += [f"| {name} | {verdict} | {why} |\n" for name, verdict, why in rows]
    return "".join(parts)


def _made_of(text: str) -> tuple[bool, list[Any]]:
    program, problems = compile_workflow(from_yaml(text), "sha256:0")
    return program is not None, problems


def _example(path: Path) -> tuple[str, str, str]:
    compiles, problems = _made_of(path.read_text())
    if not compiles:
        whys = [f"{one.message.partition(';')[0]} (`{one.path}`)" for one in problems]
        return path.stem, "refused", "; ".join(dict.fromkeys(whys))
    if path.stem in RUNS:
        given = RUNS[path.stem]
        return path.stem, "runs", "faults, as written" if given.status == "faulted" else ""
    return path.stem, "compiles", WAITING[path.stem]


if __name__ == "__main__":
    if not os.environ.get("PODIUM_OWS"):
        sys.exit("PODIUM_OWS names no copy of the specification")
    PAGE.write_text(page(Path(os.environ["PODIUM_OWS"])))
