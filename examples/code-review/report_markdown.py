"""The review as Markdown, for a pull request or a terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

_MARKS = {"good": "good", "fair": "fair", "poor": "**poor**", "unknown": "not checked"}
TOP = 10
PLACES = 5


def markdown_of(review: dict[str, Any]) -> str:
    """The whole report.

    Args:
        review: as `schemas/review.yaml` describes it.
    """
    sections = (_head(review), _areas(review), _first(review), _findings(review), _hotspots(review),
                _functions(review), _unparsable(review), _made_of(review), _method(review))  # fmt: skip
    return "\n\n".join(section for section in sections if section) + "\n"


def _head(review: dict[str, Any]) -> str:
    git, verdict = review["survey"]["git"], review["verdict"]
    at = datetime.fromtimestamp(review["at"] / 1000, UTC)
    said = f"{at:%d %B %Y, %H:%M} UTC" + (
        f", commit `{git['commit'][:10]}` on {git['branch']}" if git["present"] else ""
    )
    text = f"# Review of {_plain(review['name'])}\n\n{said}\n\n**{verdict['headline']}.** {_plain(verdict['summary'])}"
    if review["degraded"]:
        text += "\n\n> What this review does not cover\n>\n" + "\n".join(
            f"> - {_plain(said)}" for said in review["degraded"]
        )
    return text


def _areas(review: dict[str, Any]) -> str:
    rows = "\n".join(f"| {a['name']} | {_MARKS[a['mark']]} | {_cell(a['text'])} |" for a in review["areas"])
    return f"## Area by area\n\n| area | mark | what was seen |\n|---|---|---|\n{rows}"


def _first(review: dict[str, Any]) -> str:
    if not review["first"]:
        return ""
    steps = "\n".join(
        f"{n}. **{s['do']}** ({s['effort']}). {s['how']}" for n, s in enumerate(review["first"], 1)
    )
    return f"## What to do first\n\n{steps}"


def _findings(review: dict[str, Any]) -> str:
    found = review["findings"]
    if not found:
        return "## Findings\n\nNone."
    text = "## Findings\n\n" + "\n".join(_finding(finding) for finding in found[:TOP])
    rest = found[TOP:]
    if rest:
        rows = "\n".join(
            f"| {f['severity']} | {_cell(f['title'])} | {f['count']:,} | {_first_place(f)} |" for f in rest
        )
        text += f"\n\n### {len(rest)} further findings\n\n| severity | finding | places | first |\n|---|---|---:|---|\n{rows}"
    return text


def _finding(found: dict[str, Any]) -> str:
    count = f" ({found['count']:,} places)" if found["count"] > 1 else ""
    doubt = " Check before you act." if found["certainty"] < 0.6 and found["severity"] != "low" else ""
    role = {"test": " Only in tests.", "example": " Only in examples and documents."}.get(found["role"], "")
    text = f"{found['rank']}. **{found['severity']}: {found['title']}**{count} `{found['rule']}`  \n   {found['advice']}{role}{doubt}"
    telling = found["area"] in ("complexity", "tests", "upkeep") or found["rule"] in (
        "unparsable",
        "F821",
        "newer-syntax",
    )
    for place in found["places"][:PLACES]:
        text += f"\n   - `{place['path']}:{place['line']}`" + (f" {place['message']}" if telling else "")
    if found["count"] > PLACES and found["places"]:
        text += f"\n   - and {found['count'] - min(PLACES, len(found['places'])):,} more"
    return text


def _first_place(found: dict[str, Any]) -> str:
    return f"`{_cell(found['places'][0]['path'])}:{found['places'][0]['line']}`" if found["places"] else ""


def _hotspots(review: dict[str, Any]) -> str:
    spots = review["hotspots"]
    churn = spots["by"] == "churn"
    files = [f for f in spots["files"][:10] if f["heat"] > 0]
    if not files:
        return ""
    title = (
        "Hotspots: where change and complexity meet" if churn else "Size and complexity (there is no history)"
    )
    head = "| file | branches | lines |" + (" commits | fixes | people |" if churn else "")
    rows = "\n".join(
        f"| `{_cell(f['path'])}` | {f['complexity']:,} | {f['lines']:,} |"
        + (f" {f['commits']:,} | {f['fixes']:,} | {f['authors']:,} |" if churn else "")
        for f in files
    )
    return f"## {title}\n\n{head}\n|---|---:|---:|{'---:|---:|---:|' if churn else ''}\n{rows}"


def _functions(review: dict[str, Any]) -> str:
    functions = review["functions"][:8]
    if not functions:
        return ""
    rows = "\n".join(
        f"| `{f['name']}` | `{_cell(f['path'])}:{f['line']}` | {f['cognitive']} | {f['cyclomatic']} | {f['length']} |"
        for f in functions
    )
    return f"## Hardest functions\n\n| function | place | cognitive | paths | lines |\n|---|---|---:|---:|---:|\n{rows}"


def _unparsable(review: dict[str, Any]) -> str:
    if not review["unparsable"]:
        return ""
    rows = "\n".join(
        f"- `{f['path']}:{f['line']}` {f['reason']}"
        + (" (newer syntax than the Python used here)" if f["newer"] else "")
        for f in review["unparsable"][:20]
    )
    return f"## Files that did not parse\n\nComplexity and security know nothing of them.\n\n{rows}"


def _made_of(review: dict[str, Any]) -> str:
    survey = review["survey"]
    rows = "\n".join(
        f"| {la['name']} | {la['files']:,} | {la['lines']:,} |" for la in survey["languages"][:10]
    )
    good = "".join(f"- {said}\n" for said in review["strengths"])
    text = f"## What it is made of\n\n| language | files | lines |\n|---|---:|---:|\n{rows}"
    return text + (f"\n\n## What is good\n\n{good.rstrip()}" if good else "")


def _method(review: dict[str, Any]) -> str:
    rows = "\n".join(
        f"| {p['name']} | {p['status']} | {p['tool'] or 'built in'} | {p['took_ms'] / 1000:.1f} s |"
        for p in review["parts"]
    )
    return f"## How this was made\n\nA workflow of agents on Podium; no network, no model.\n\n| agent | status | tool | took |\n|---|---|---|---:|\n{rows}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _plain(text: str) -> str:
    return text.replace("<", "&lt;")
