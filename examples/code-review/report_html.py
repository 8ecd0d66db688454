"""The review as one page of HTML: no script, nothing loaded from elsewhere, readable in print."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from charts import columns, language_bar, scatter

_STYLE = Path(__file__).with_name("report.css")
_MARKS = {
    "good": ("●", "good"),
    "fair": ("◐", "fair"),
    "poor": ("○", "poor"),
    "unknown": ("–", "not checked"),
}
_LEVELS = {"sound": "Sound", "attention": "Attention", "act": "Act now"}
TOP = 10
PLACES = 12


def html_of(review: dict[str, Any]) -> str:
    """The whole page.

    Args:
        review: as `schemas/review.yaml` describes it.
    """
    page = _Page(review)
    body = "\n".join(
        section
        for section in (
            page.head(), page.areas(), page.first(), page.findings(), page.hotspots(), page.functions(),
            page.unparsable(), page.make_up(), page.strengths(), page.rest(), page.method(),
        )
        if section
    )  # fmt: skip
    title = f"Review of {review['name']}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<style>{_STYLE.read_text('utf-8')}</style></head>\n<body><main>\n{body}\n</main></body></html>\n"
    )


class _Page:
    def __init__(self, review: dict[str, Any]) -> None:
        self._review = review
        self._git = review["survey"]["git"]

    def head(self) -> str:
        review, git = self._review, self._git
        at = datetime.fromtimestamp(review["at"] / 1000, UTC)
        said = [f"{at:%d %B %Y, %H:%M} UTC"]
        if git["present"]:
            said.append(f"commit <code>{escape(git['commit'][:10])}</code> on {escape(git['branch'])}")
        verdict = review["verdict"]
        return (
            f'<header><p class="kind">Code review</p><h1>{escape(review["name"])}</h1><p class="meta">{" · ".join(said)}</p></header>'
            f'<section class="verdict {verdict["level"]}" aria-label="Verdict"><p class="level">{_LEVELS[verdict["level"]]}</p>'
            f"<h2>{escape(verdict['headline'])}</h2><p>{escape(verdict['summary'])}</p></section>"
            + self._gaps()
        )

    def _gaps(self) -> str:
        if not self._review["degraded"]:
            return ""
        items = "".join(f"<li>{escape(said)}</li>" for said in self._review["degraded"])
        return f'<section class="gaps"><h2>What this review does not cover</h2><ul>{items}</ul></section>'

    def areas(self) -> str:
        tiles = "".join(
            f'<li class="{area["mark"]}"><b>{escape(area["name"])}</b><span class="mark"><i aria-hidden="true">{_MARKS[area["mark"]][0]}</i> {_MARKS[area["mark"]][1]}</span>'
            f"<small>{escape(area['text'])}</small></li>"
            for area in self._review["areas"]
        )
        return f'<section><h2>Area by area</h2><ul class="areas">{tiles}</ul></section>'

    def first(self) -> str:
        if not self._review["first"]:
            return ""
        steps = "".join(
            f"<li><b>{_text(step['do'])}</b> <span class=effort>{step['effort']}</span><br>{_text(step['how'])}</li>"
            for step in self._review["first"]
        )
        return f'<section><h2>What to do first</h2><ol class="steps">{steps}</ol></section>'

    def findings(self) -> str:
        found = self._review["findings"]
        if not found:
            return "<section><h2>Findings</h2><p>None.</p></section>"
        head = (
            f"The {TOP} most important of {self._review['findings_total']} findings"
            if len(found) > TOP
            else "Findings"
        )
        rows = "".join(self._finding(finding) for finding in found[:TOP])
        return f'<section><h2>{head}</h2><ol class="findings">{rows}</ol></section>'

    def rest(self) -> str:
        rest = self._review["findings"][TOP:]
        if not rest:
            return ""
        rows = "".join(self._finding(finding) for finding in rest)
        return (
            f"<section><details><summary><h2>{len(rest)} further findings</h2></summary>"
            f'<ol class="findings" start="{TOP + 1}">{rows}</ol></details></section>'
        )

    def _finding(self, found: dict[str, Any]) -> str:
        count = f' <span class="count">{found["count"]:,} places</span>' if found["count"] > 1 else ""
        tags = [found["rule"]]
        if found["role"] != "source":
            tags.append("only in tests" if found["role"] == "test" else "only in examples and documents")
        if found["certainty"] < 0.6 and found["severity"] != "low":
            tags.append("check before you act")
        code = f"<pre><code>{escape(found['code'])}</code></pre>" if found.get("code") else ""
        return (
            f'<li class="{found["severity"]}"><h3><span class="severity">{found["severity"]}</span> {_text(found["title"])}{count}</h3>'
            f'<p>{_text(found["advice"])} <small>{escape(" · ".join(tags))}</small></p>{self._places(found)}{code}</li>'
        )  # fmt: skip

    def _places(self, found: dict[str, Any]) -> str:
        if not found["places"]:
            return ""
        telling = found["area"] in ("complexity", "tests", "upkeep") or found["rule"] in (
            "unparsable",
            "F821",
            "newer-syntax",
        )
        items = [
            f"<li>{self._link(place)}{' – ' + _text(place['message']) if telling else ''}</li>"
            for place in found["places"][:PLACES]
        ]
        shown, hidden = items[:3], items[3:]
        more = found["count"] - len(items)
        if more > 0:
            hidden.append(f"<li>and {more:,} more</li>")
        listed = f'<ul class="places">{"".join(shown)}</ul>'
        if hidden:
            listed += f'<details><summary>{found["count"] - len(shown):,} more</summary><ul class="places">{"".join(hidden)}</ul></details>'
        return listed

    def _link(self, place: dict[str, Any]) -> str:
        text = f"<code>{escape(place['path'])}:{place['line']}</code>"
        remote = self._git.get("remote", "")
        if not remote:
            return text
        kind = {
            "https://github.com": "blob",
            "https://gitlab.com": "-/blob",
            "https://codeberg.org": "src/commit",
        }
        middle = next(path for host, path in kind.items() if remote.startswith(host))
        path = quote(self._git["prefix"] + place["path"])
        return f'<a href="{escape(remote)}/{middle}/{self._git["commit"]}/{path}#L{place["line"]}">{text}</a>'

    def hotspots(self) -> str:
        spots = self._review["hotspots"]
        chart = scatter(spots)
        if not chart:
            return ""
        churn = spots["by"] == "churn"
        title = "Hotspots: where change and complexity meet" if churn else "Size and complexity"
        why = (
            "Files to the right change often, files at the top are hard to follow; the size of a dot is the length of the file. "
            "Work on the top right pays first." if churn else
            "There is no history, so files stand by length and branches."
        )  # fmt: skip
        rows = "".join(
            f"<tr><td><code>{escape(file['path'])}</code></td><td>{file['complexity']:,}</td><td>{file['lines']:,}</td>"
            + (
                f"<td>{file['commits']:,}</td><td>{file['fixes']:,}</td><td>{file['authors']:,}</td>"
                if churn
                else ""
            )
            + "</tr>"
            for file in spots["files"][:10]
        )
        heads = "<th scope=col>File<th scope=col>Branches<th scope=col>Lines" + (
            "<th scope=col>Commits<th scope=col>Fixes<th scope=col>People" if churn else ""
        )
        return (
            f'<section><h2>{title}</h2><p class="note">{why}</p><figure>{chart}</figure>'
            f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>'
        )

    def functions(self) -> str:
        functions, spread = self._review["functions"], self._review["spread"]
        if not functions:
            return ""
        rows = "".join(
            f"<tr><td><code>{escape(f['name'])}</code><br><small>{self._link(f)}</small></td><td>{f['cognitive']}</td><td>{f['cyclomatic']}</td><td>{f['length']}</td></tr>"
            for f in functions[:8]
        )
        chart = columns(list(spread.items()), "Functions by cognitive complexity", marked=3)
        return (
            f'<section><h2>Functions</h2><p class="note">How many functions outside the tests are how hard to follow (cognitive complexity: '
            f'branches count more the deeper they nest; above 25 is hard).</p><figure class="small">{chart}</figure>'
            f'<div class="scroll"><table><thead><tr><th scope=col>Hardest functions<th scope=col>Cognitive<th scope=col>Paths<th scope=col>Lines</tr></thead>'
            f"<tbody>{rows}</tbody></table></div></section>"
        )

    def unparsable(self) -> str:
        files = self._review["unparsable"]
        if not files:
            return ""
        rows = "".join(
            f"<li>{self._link(file)} – {escape(file['reason'])}{' (newer syntax than the Python used here)' if file['newer'] else ''}</li>"
            for file in files[:20]
        )
        more = f"<li>and {len(files) - 20} more</li>" if len(files) > 20 else ""
        return f'<section><h2>Files that did not parse</h2><p class="note">Complexity and security know nothing of them.</p><ul class="places">{rows}{more}</ul></section>'

    def make_up(self) -> str:
        survey = self._review["survey"]
        bar = language_bar(survey["languages"])
        roles = survey["roles"]
        skipped = ", ".join(f"{count:,} {reason}" for reason, count in survey["files"]["skipped"].items())
        said = (
            f"{roles['source']['lines']:,} lines of source, {roles['test']['lines']:,} of tests, {roles['example']['lines']:,} of examples and documents; "
            f"{survey['notes']:,} notes to self (TODO, FIXME)."
            + (f" Left out: {skipped}." if skipped else "")
        )
        return f'<section><h2>What it is made of</h2>{bar}<p class="note">{escape(said)}</p>{self._history()}</section>'

    def _history(self) -> str:
        git = self._git
        if not git["present"] or len(git["months"]) < 2:
            return ""
        months = [
            (datetime.strptime(m["month"], "%Y-%m").strftime("%b"), m["commits"]) for m in git["months"]
        ]
        people = ", ".join(f"{escape(a['name'])} {a['share']:.0%}" for a in git["authors"][:5])
        return (
            f'<h3>Commits a month</h3><figure class="small">{columns(months, "Commits a month")}</figure>'
            f'<p class="note">{git["commits"]:,} commits in all. Most by: {people}.</p>'
        )

    def strengths(self) -> str:
        if not self._review["strengths"]:
            return ""
        items = "".join(f"<li>{_text(said)}</li>" for said in self._review["strengths"])
        return f'<section><h2>What is good</h2><ul class="good-list">{items}</ul></section>'

    def method(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(part['name'])}</td><td>{escape(part['status'])}</td><td>{escape(part['tool'] or 'built in')}</td><td>{part['took_ms'] / 1000:.1f} s</td></tr>"
            for part in self._review["parts"]
        )
        return (
            f'<section><h2>How this was made</h2><p class="note">A workflow of agents on Podium looked at <code>{escape(self._review["root"])}</code>; '
            f"no network, no model. Vendored, built and generated files are left out, and rules that cry wolf are not asked.</p>"
            f'<div class="scroll"><table><thead><tr><th scope=col>Agent<th scope=col>Status<th scope=col>Tool<th scope=col>Took</tr></thead><tbody>{rows}</tbody></table></div></section>'
        )


def _text(said: str) -> str:
    """Text with `code` between back quotes."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(said))
