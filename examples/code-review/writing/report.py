"""What the report says, from the verdict down to the method."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from judging.phrases import counted, shown
from writing.charts import columns, scatter
from writing.document import Areas, Chart, Findings, Items, Section, Table, Text

TOP = 10
FOLDED_MIN = 3
"""Fewer further findings than this are shown with the others."""
_Json = dict[str, Any]


def sections_of(review: _Json) -> list[Section]:
    """The sections of the report.

    Args:
        review: as `schemas/review.yaml` describes it.
    """
    verdict, found, link = review["verdict"], review["findings"], Link(review["git"])
    steps = [f"**{step['do']}** ({step['effort']}). {step['how']}" for step in review["first"]]
    most = f"The {TOP} most important of {review['findings_total']} findings"
    further = found[TOP:] if len(found) >= TOP + FOLDED_MIN else []
    return [
        Section("", [Text(_of(review))], kind="of"),
        Section(verdict["headline"], [Text(verdict["summary"])], kind=f"verdict {verdict['level']}"),
        Section("What this review does not cover", [Items(review["degraded"])], kind="gaps"),
        Section("Area by area", [Areas(review["areas"])]),
        Section("What to do first", [Items(steps, numbered=True)]),
        Section(
            most if further else "Findings",
            [Findings(found[: len(found) - len(further)], link) if found else Text("None.")],
        ),
        _hotspots(review["hotspots"], link),
        _functions(review, link),
        _unparsable(review["unparsable"], link),
        _made_of(review),
        Section(
            counted(len(further), "further finding"),
            [Findings(further, link, further=True)] if further else [],
        ),
        _method(review),
    ]


class Link:
    """Makes a link of a place, where a forge shows the repository."""

    def __init__(self, git: _Json) -> None:
        self._web = git.get("web", "")

    def __call__(self, place: _Json) -> str:
        code = f"`{shown(place).replace('`', '´')}`"
        line = f"#L{place['line']}" if place.get("line") else ""
        return f"[{code}]({self._web}{quote(place['path'])}{line})" if self._web else code


def _of(review: _Json) -> str:
    git = review["git"]
    said = f"{datetime.fromtimestamp(review['at'] / 1000, UTC):%d %B %Y, %H:%M} UTC"
    return f"{said}, commit `{git['commit'][:10]}` on {git['branch']}" if git["present"] else said


def _hotspots(hotspots: _Json, link: Link) -> Section:
    heads, keys = ["File", "Branches", "Lines"], ["branches", "lines"]
    title, why = "Size and complexity", "There is no history to tell, so files stand by length and branches."
    if hotspots["by"] == "commits":
        heads, keys = [*heads, "Commits", "Fixes", "People"], [*keys, "commits", "fixes", "people"]
        title = "Hotspots: where change and complexity meet"
        why = (
            "Files to the right change often, files at the top have many branches; the larger the dot, the "
            "longer the file. Work on the top right pays first."
        )
    rows = [
        [link({"path": file["path"]}), *(f"{file[key]:,}" for key in keys)]
        for file in hotspots["files"][:TOP]
        if file["heat"]
    ]
    return Section(
        title, [Text(why), Chart(scatter(hotspots)), Table(heads, rows, len(keys))] if rows else []
    )


def _functions(review: _Json, link: Link) -> Section:
    why = (
        "How hard the functions outside the tests are to follow, by cognitive complexity: branches count "
        "more the deeper they nest. Above 25 is hard."
    )
    rows = [
        [f"`{function['name']}`", link(function), f"{function['cognitive']:,}", f"{function['length']:,}"]
        for function in review["functions"]
    ]
    chart = Chart(columns(list(review["spread"].items()), "Functions by cognitive complexity", marked=3))
    hardest = Table(["Hardest functions", "Place", "Complexity", "Lines"], rows, 2)
    return Section("Functions", [Text(why), chart, hardest] if rows else [])


def _unparsable(files: list[_Json], link: Link) -> Section:
    entries = [f"{link(file)} – {file['reason']}{_excuse(file)}" for file in files[:20]]
    if len(files) > 20:
        entries.append(f"and {len(files) - 20} more")
    why = Text("Complexity and security know nothing of them.")
    return Section("Files that did not parse", [why, Items(entries)] if files else [])


def _excuse(file: _Json) -> str:
    if file["newer"]:
        return " (newer syntax than the Python used here)"
    return " (test data, perhaps on purpose)" if file["role"] == "fixture" else ""


def _made_of(review: _Json) -> Section:
    names = {"source": "source", "test": "tests", "fixture": "test data", "example": "examples and documents"}
    lines = ", ".join(
        f"{review['roles'][role]:,} of {name}" for role, name in names.items() if review["roles"][role]
    )
    said = f"Lines of code: {lines}. " if lines else ""
    skipped = review["files"]["skipped"]
    if skipped:
        said += f"Files left out: {', '.join(f'{count:,} {reason}' for reason, count in skipped.items())}."
    rows = [[la["name"], f"{la['files']:,}", f"{la['lines']:,}"] for la in review["languages"][:TOP]]
    return Section("What it is made of", [Text(said), Table(["Language", "Files", "Lines"], rows, 2)])


def _method(review: _Json) -> Section:
    said = (
        f"A team of agents on Podium looked at `{review['root']}`; no network, no model. Vendored, built and "
        "generated files are left out, and rules that cry wolf are not asked."
    )
    rows = [
        [part["name"], part["status"], part["tool"] or "built in", f"{part['took_ms'] / 1000:.1f} s"]
        for part in review["parts"]
    ]
    return Section("How this was made", [Text(said), Table(["Agent", "Status", "Tool", "Took"], rows, 1)])
