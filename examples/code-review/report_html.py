"""The review as one page of HTML: no script, nothing loaded from elsewhere, readable in print."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from charts import columns, language_bar, scatter
from html_parts import figure, folded, items, note, section, table, text
from links import Links
from phrases import tells
from ranking import SURE

TOP = 10
PLACES_OPEN = 3
PLACES_MAX = 12
LABELS = {"good": ("●", "good"), "fair": ("◐", "fair"), "poor": ("○", "poor"), "unknown": ("–", "not rated")}
LEVELS = {"sound": "Sound", "attention": "Attention", "act": "Act now", "surveyed": "Surveyed"}
ROLES = {"test": "only in tests", "fixture": "only in tests", "example": "only in examples and documents"}
_STYLE = Path(__file__).with_name("report.css")


def html_of(review: dict[str, Any]) -> str:
    """The whole page.

    Args:
        review: as `schemas/review.yaml` describes it.
    """
    links = Links(review["survey"]["git"])
    body = "\n".join(
        filter(
            None,
            (
                _head(review),
                _verdict(review["verdict"]),
                section("What this review does not cover", items(map(text, review["degraded"])), kind="gaps"),
                _areas(review["areas"]),
                _first(review["first"]),
                _findings(review, links),
                _hotspots(review["hotspots"]),
                _functions(review, links),
                _unparsable(review["unparsable"], links),
                _made_of(review["survey"]),
                section("What is good", items(map(text, review["strengths"]), kind="plain")),
                _further(review, links),
                _method(review),
            ),
        )
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>Review of {escape(review['name'])}</title>"
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><style>{_STYLE.read_text("utf-8")}</style></head>\n'
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def _head(review: dict[str, Any]) -> str:
    git = review["survey"]["git"]
    said = f"{datetime.fromtimestamp(review['at'] / 1000, UTC):%d %B %Y, %H:%M} UTC"
    if git["present"]:
        said += f" · commit `{git['commit'][:10]}` on {git['branch']}"
    return (
        f'<header><p class="kind">Code review</p><h1>{escape(review["name"])}</h1>'
        f'<p class="meta">{text(said)}</p></header>'
    )


def _verdict(verdict: dict[str, Any]) -> str:
    level = verdict["level"]
    return (
        f'<section class="verdict {level}" aria-label="Verdict"><p class="level">{LEVELS[level]}</p>'
        f"<h2>{text(verdict['headline'])}</h2><p>{text(verdict['summary'])}</p></section>"
    )


def _areas(areas: list[dict[str, Any]]) -> str:
    tiles = []
    for area in areas:
        sign, label = LABELS[area["mark"]]
        tiles.append(
            f'<li class="{area["mark"]}"><b>{escape(area["name"])}</b>'
            f'<span class="mark"><i aria-hidden="true">{sign}</i> {label}</span>'
            f"<small>{text(area['text'])}</small></li>"
        )
    return section("Area by area", f'<ul class="areas">{"".join(tiles)}</ul>')


def _first(steps: list[dict[str, Any]]) -> str:
    entries = [
        f'<b>{text(step["do"])}</b> <span class="chip">{step["effort"]}</span><br>{text(step["how"])}'
        for step in steps
    ]
    return section("What to do first", items(entries, kind="steps", numbered=True))


# --- findings ---------------------------------------------------------------------------------


def _findings(review: dict[str, Any], links: Links) -> str:
    found = review["findings"]
    if not found:
        return section("Findings", "<p>None.</p>")
    many = len(found) > TOP
    title = f"The {TOP} most important of {review['findings_total']} findings" if many else "Findings"
    listed = "".join(_finding(finding, links) for finding in found[:TOP])
    return section(title, f'<ol class="findings">{listed}</ol>')


def _further(review: dict[str, Any], links: Links) -> str:
    further = review["findings"][TOP:]
    if not further:
        return ""
    listed = "".join(_finding(finding, links) for finding in further)
    content = f'<ol class="findings" start="{TOP + 1}">{listed}</ol>'
    return f"<section>{folded(f'<h2>{len(further)} further findings</h2>', content)}</section>"


def _finding(found: dict[str, Any], links: Links) -> str:
    count = f' <span class="chip">{found["count"]:,} places</span>' if found["count"] > 1 else ""
    tags = [found["rule"], *filter(None, [ROLES.get(found["role"])])]
    if found["certainty"] < SURE and found["severity"] != "low":
        tags.append("check before you act")
    code = f"<pre><code>{escape(found['code'])}</code></pre>" if found.get("code") else ""
    return (
        f'<li class="{found["severity"]}">'
        f'<h3><span class="severity">{found["severity"]}</span> {text(found["title"])}{count}</h3>'
        f"<p>{text(found['advice'])} <small>{escape(' · '.join(tags))}</small></p>"
        f"{_places(found, links)}{code}</li>"
    )


def _places(found: dict[str, Any], links: Links) -> str:
    entries = [
        links.to(place) + (f" – {text(place['message'])}" if tells(found) else "")
        for place in found["places"][:PLACES_MAX]
    ]
    opened, hidden = entries[:PLACES_OPEN], entries[PLACES_OPEN:]
    unnamed = found["count"] - len(entries)
    if entries and unnamed > 0:
        hidden.append(f"and {unnamed:,} more")
    listed = items(opened, kind="places")
    if hidden:
        listed += folded(f"{found['count'] - len(opened):,} more", items(hidden, kind="places"))
    return listed


# --- where the work is ------------------------------------------------------------------------


def _hotspots(hotspots: dict[str, Any]) -> str:
    chart = scatter(hotspots)
    if not chart:
        return ""
    if hotspots["by"] == "churn":
        title = "Hotspots: where change and complexity meet"
        why = (
            "Files to the right change often, files at the top have many branches; the larger the dot, the "
            "longer the file. Work on the top right pays first."
        )
    else:
        title, why = "Size and complexity", "There is no history, so files stand by length and branches."
    return section(title, note(why), figure(chart), _hot_files(hotspots))


def _hot_files(hotspots: dict[str, Any]) -> str:
    heads, keys = ["File", "Branches", "Lines"], ["complexity", "lines"]
    if hotspots["by"] == "churn":
        heads += ["Commits", "Fixes", "People"]
        keys += ["commits", "fixes", "authors"]
    rows = [
        [f"<code>{escape(file['path'])}</code>", *(f"{file[key]:,}" for key in keys)]
        for file in hotspots["files"][:10]
        if file["heat"] > 0
    ]
    return table(heads, rows)


def _functions(review: dict[str, Any], links: Links) -> str:
    if not review["functions"]:
        return ""
    why = (
        "How many functions outside the tests are how hard to follow, by cognitive complexity: branches "
        "count more the deeper they nest. Above 25 is hard."
    )
    chart = columns(list(review["spread"].items()), "Functions by cognitive complexity", marked=3)
    rows = [
        [
            f"<code>{escape(function['name'])}</code><br><small>{links.to(function)}</small>",
            *(f"{function[key]:,}" for key in ("cognitive", "cyclomatic", "length")),
        ]
        for function in review["functions"][:8]
    ]
    hardest = table(["Hardest functions", "Cognitive", "Paths", "Lines"], rows)
    return section("Functions", note(why), figure(chart, small=True), hardest)


def _unparsable(files: list[dict[str, Any]], links: Links) -> str:
    entries = [f"{links.to(file)} – {text(file['reason'])}{_excuse(file)}" for file in files[:20]]
    if len(files) > 20:
        entries.append(f"and {len(files) - 20} more")
    why = note("Complexity and security know nothing of them.") if files else ""
    return section("Files that did not parse", why, items(entries, kind="places"))


def _excuse(file: dict[str, Any]) -> str:
    if file["newer"]:
        return " (newer syntax than the Python used here)"
    return " (test data, perhaps on purpose)" if file["role"] == "fixture" else ""


# --- what it is -------------------------------------------------------------------------------


def _made_of(survey: dict[str, Any]) -> str:
    lines = {role: f"{numbers['lines']:,}" for role, numbers in survey["roles"].items()}
    said = (
        f"Lines of code: {lines['source']} of source, {lines['test']} of tests, {lines['fixture']} of test "
        f"data, {lines['example']} of examples and documents. "
        f"Notes to self (TODO, FIXME): {survey['notes']:,}."
    )
    skipped = ", ".join(f"{count:,} {reason}" for reason, count in survey["files"]["skipped"].items())
    if skipped:
        said += f" Files left out: {skipped}."
    return section(
        "What it is made of", language_bar(survey["languages"]), note(said), _history(survey["git"])
    )


def _history(git: dict[str, Any]) -> str:
    if not git["present"] or len(git["months"]) < 2:
        return ""
    months = [
        (f"{datetime.strptime(month['month'], '%Y-%m'):%b}", month["commits"]) for month in git["months"]
    ]
    people = ", ".join(f"{person['name']} {person['share']:.0%}" for person in git["authors"][:5])
    chart = figure(columns(months, "Commits a month"), small=True)
    return f"<h3>Commits a month</h3>{chart}" + note(f"{git['commits']:,} commits in all. Most by: {people}.")


def _method(review: dict[str, Any]) -> str:
    said = (
        f"A team of agents on Podium looked at `{review['root']}`; no network, no model. Vendored, built and "
        "generated files are left out, and rules that cry wolf are not asked."
    )
    rows = [
        [part["name"], part["status"], escape(part["tool"] or "built in"), f"{part['took_ms'] / 1000:.1f} s"]
        for part in review["parts"]
    ]
    return section("How this was made", note(said), table(["Agent", "Status", "Tool", "Took"], rows))
