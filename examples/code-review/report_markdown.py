"""The review as Markdown, for a pull request or a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from phrases import tells
from ranking import SURE

TOP = 10
PLACES = 5
_MARKS = {"good": "good", "fair": "fair", "poor": "**poor**", "unknown": "not rated"}
_ROLES = {
    "test": " Only in tests.",
    "fixture": " Only in tests.",
    "example": " Only in examples and documents.",
}


def markdown_of(review: dict[str, Any]) -> str:
    """The whole report.

    Args:
        review: as `schemas/review.yaml` describes it.
    """
    sections = (
        _head(review),
        _areas(review["areas"]),
        _first(review["first"]),
        _findings(review["findings"]),
        _hotspots(review["hotspots"]),
        _functions(review["functions"][:8]),
        _unparsable(review["unparsable"]),
        _made_of(review["survey"]["languages"][:10]),
        _section("What is good", "\n".join(f"- {said}" for said in review["strengths"])),
        _method(review["parts"]),
    )
    return "\n\n".join(filter(None, sections)) + "\n"


def _section(title: str, content: str) -> str:
    return f"## {title}\n\n{content}" if content else ""


def _table(heads: Sequence[str], numbers: int, rows: Iterable[Sequence[str]]) -> str:
    """A table whose last columns, as many as `numbers`, stand on the right; nothing if it has no rows."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    if not lines:
        return ""
    rule = "|" + "---|" * (len(heads) - numbers) + "---:|" * numbers
    return "\n".join(("| " + " | ".join(heads) + " |", rule, *lines))


def _plain(said: str) -> str:
    return said.replace("<", "&lt;")


def _head(review: dict[str, Any]) -> str:
    git, verdict = review["survey"]["git"], review["verdict"]
    said = f"{datetime.fromtimestamp(review['at'] / 1000, UTC):%d %B %Y, %H:%M} UTC"
    if git["present"]:
        said += f", commit `{git['commit'][:10]}` on {git['branch']}"
    paragraphs = [f"# Review of {_plain(review['name'])}", said]
    paragraphs.append(f"**{verdict['headline']}.** {_plain(verdict['summary'])}")
    if review["degraded"]:
        gaps = (f"> - {_plain(gap)}" for gap in review["degraded"])
        paragraphs.append("\n".join(("> What this review does not cover", ">", *gaps)))
    return "\n\n".join(paragraphs)


def _areas(areas: list[dict[str, Any]]) -> str:
    rows = ([area["name"], _MARKS[area["mark"]], area["text"]] for area in areas)
    return _section("Area by area", _table(["area", "mark", "what was seen"], 0, rows))


def _first(steps: list[dict[str, Any]]) -> str:
    entries = (f"{n}. **{step['do']}** ({step['effort']}). {step['how']}" for n, step in enumerate(steps, 1))
    return _section("What to do first", "\n".join(entries))


# --- findings ---------------------------------------------------------------------------------


def _findings(findings: list[dict[str, Any]]) -> str:
    if not findings:
        return _section("Findings", "None.")
    listed = _section("Findings", "\n".join(_finding(found) for found in findings[:TOP]))
    further = findings[TOP:]
    rows = ([f["severity"], f["title"], _first_place(f), f"{f['count']:,}"] for f in further)
    if further:
        table = _table(["severity", "finding", "first place", "places"], 1, rows)
        listed += f"\n\n### {len(further)} further findings\n\n{table}"
    return listed


def _finding(found: dict[str, Any]) -> str:
    count = f" ({found['count']:,} places)" if found["count"] > 1 else ""
    doubt = " Check before you act." if found["certainty"] < SURE and found["severity"] != "low" else ""
    lines = [
        f"{found['rank']}. **{found['severity']}: {found['title']}**{count} `{found['rule']}`  ",
        f"   {found['advice']}{_ROLES.get(found['role'], '')}{doubt}",
    ]
    for place in found["places"][:PLACES]:
        message = f" {place['message']}" if tells(found) else ""
        lines.append(f"   - `{place['path']}:{place['line']}`{message}")
    if found["places"] and found["count"] > PLACES:
        lines.append(f"   - and {found['count'] - min(PLACES, len(found['places'])):,} more")
    return "\n".join(lines)


def _first_place(found: dict[str, Any]) -> str:
    return f"`{found['places'][0]['path']}:{found['places'][0]['line']}`" if found["places"] else ""


# --- where the work is, and what it is --------------------------------------------------------


def _hotspots(hotspots: dict[str, Any]) -> str:
    heads, keys = ["file", "branches", "lines"], ["complexity", "lines"]
    title = "Size and complexity (there is no history)"
    if hotspots["by"] == "churn":
        heads += ["commits", "fixes", "people"]
        keys += ["commits", "fixes", "authors"]
        title = "Hotspots: where change and complexity meet"
    rows = (
        [f"`{file['path']}`", *(f"{file[key]:,}" for key in keys)]
        for file in hotspots["files"][:10]
        if file["heat"] > 0
    )
    return _section(title, _table(heads, len(keys), rows))


def _functions(functions: list[dict[str, Any]]) -> str:
    rows = (
        [
            f"`{function['name']}`",
            f"`{function['path']}:{function['line']}`",
            *(f"{function[key]:,}" for key in ("cognitive", "cyclomatic", "length")),
        ]
        for function in functions
    )
    heads = ["function", "place", "cognitive", "paths", "lines"]
    return _section("Hardest functions", _table(heads, 3, rows))


def _unparsable(files: list[dict[str, Any]]) -> str:
    if not files:
        return ""
    entries = [f"- `{file['path']}:{file['line']}` {file['reason']}{_excuse(file)}" for file in files[:20]]
    if len(files) > 20:
        entries.append(f"- and {len(files) - 20} more")
    content = "\n".join(("Complexity and security know nothing of them.", "", *entries))
    return _section("Files that did not parse", content)


def _excuse(file: dict[str, Any]) -> str:
    if file["newer"]:
        return " (newer syntax than the Python used here)"
    return " (test data, perhaps on purpose)" if file["role"] == "fixture" else ""


def _made_of(languages: list[dict[str, Any]]) -> str:
    rows = ([la["name"], f"{la['files']:,}", f"{la['lines']:,}"] for la in languages)
    return _section("What it is made of", _table(["language", "files", "lines"], 2, rows))


def _method(parts: list[dict[str, Any]]) -> str:
    rows = (
        [part["name"], part["status"], part["tool"] or "built in", f"{part['took_ms'] / 1000:.1f} s"]
        for part in parts
    )
    said = "A team of agents on Podium looked at it; no network, no model."
    return _section("How this was made", f"{said}\n\n{_table(['agent', 'status', 'tool', 'took'], 1, rows)}")
