"""A plan as text for the terminal: what is added, changed and removed, and what to know about it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from podium.cli.output import plural

Shown = dict[str, Any]

_MARKS = {"add": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}
_HEADINGS = {
    "breaks": ("Breaks", "✗", "bold red"),
    "unknown": ("Not known", "?", "magenta"),
    "warns": ("Worth a look", "!", "yellow"),
}
_COMPATIBLE = {"full": "green", "backward": "green", "forward": "yellow", "none": "red", "unknown": "magenta"}
_DIFFERENCES_MAX = 30
_REMARKS_MAX = 20
_VALUE_MAX = 60


def show(made: Shown) -> None:
    """A whole plan, on stdout."""
    console = _console()
    changes = [change for change in made["changes"] if change["action"] != "none"]
    widths = _widths(changes)
    for change in changes:
        for line in _change(change, widths):
            console.print(line)
    for weight, (heading, mark, style) in _HEADINGS.items():
        remarks = [remark for remark in made["remarks"] if remark["weight"] == weight]
        if remarks:
            console.print()
            console.print(Text(heading, style=style))
            for line in _remarks(remarks, mark, style):
                console.print(line)


def show_change(change: Shown) -> None:
    """One change, on stdout."""
    console = _console()
    for line in _change(change, _widths([change]), whole=True):
        console.print(line)


def _console() -> Console:
    return Console(file=sys.stdout, highlight=False, soft_wrap=True)


def _widths(changes: Iterable[Shown]) -> tuple[int, int, int]:
    rows = [(one["kind"], one["name"], _versions(one)) for one in changes]
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    kind, name, version = (max(map(len, column), default=0) for column in columns)
    return kind, name, version


def _versions(change: Shown) -> str:
    before, after = change["before_version"], change["version"]
    return f"{before} → {after}" if change["action"] == "change" and before != after else after


def _change(change: Shown, widths: tuple[int, int, int], *, whole: bool = False) -> Iterator[Text]:
    mark, style = _MARKS[change["action"]]
    kind, name, version = widths
    line = Text()
    line.append(f"{mark} ", style=style)
    line.append(f"{change['kind'].lower():<{kind}}  ", style=style)
    line.append(f"{change['name']:<{name}}", style=f"bold {style}")
    line.append(f"  {_versions(change):<{version}}", style=style)
    line.append(f"  {_digests(change)}", style="dim")
    if change["runs"]:
        keep = "keep" if change["action"] == "change" else "are pinned to"
        what = "their version" if keep == "keep" else "it"
        line.append(f"  {plural(change['runs'], 'unfinished run')} {keep} {what}", style="cyan")
    yield line
    for evolved in change["contract"]:
        yield _evolution(evolved)
    differences = change["differences"]
    limit = len(differences) if whole else _DIFFERENCES_MAX
    for difference in differences[:limit]:
        yield _difference(difference)
    if len(differences) > limit:
        yield Text(f"    … and {plural(len(differences) - limit, 'difference')} more", style="dim")


def _digests(change: Shown) -> str:
    before, after = _short(change["before_digest"]), _short(change["digest"])
    if change["action"] == "change":
        return f"{before} → {after}"
    return after or before


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:8]


def _evolution(evolved: Shown) -> Text:
    compatibility = evolved["compatibility"]
    line = Text("    contract")
    line.append(f" of {evolved['capability']}: " if evolved["capability"] else ": ")
    if evolved["removed"]:
        line.append("no longer offered", style="red")
        return line
    words = {
        "full": "compatible both ways", "backward": "backward compatible",
        "forward": "forward compatible only", "none": "compatible neither way",
        "unknown": "compatibility unknown",
    }  # fmt: skip
    line.append(words[compatibility], style=_COMPATIBLE[compatibility])
    why = [
        f"{side}{finding['path']}: {finding['message']}"
        for side in ("input", "output")
        for finding in evolved[side][:2]
        if finding["verdict"] == "breaks" or compatibility == "unknown"
    ]
    if why:
        line.append(f" ({'; '.join(why)})", style="dim")
    return line


def _difference(difference: Shown) -> Text:
    mark, style = _MARKS[difference["action"]]
    line = Text()
    line.append(f"    {mark} ", style=style)
    line.append(f"{difference['path'] or '/'}  ")
    if difference["action"] == "change":
        line.append(_value(difference["before"]), style="red")
        line.append(" → ")
        line.append(_value(difference["after"]), style="green")
    else:
        line.append(_value(difference["after" if difference["action"] == "add" else "before"]), style=style)
    return line


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _VALUE_MAX else text[: _VALUE_MAX - 1] + "…"


def _remarks(remarks: list[Shown], mark: str, style: str) -> Iterator[Text]:
    for remark in remarks[:_REMARKS_MAX]:
        line = Text()
        line.append(f"  {mark} ", style=style)
        line.append(remark["resource"], style="bold")
        line.append(f" {remark['path']}")
        if remark.get("file"):
            line.append(f"  {remark['file']}:{remark['line']}:{remark['column']}", style="dim")
        yield line
        yield Text(f"      {remark['message']}")
        if remark["weight"] == "breaks" and remark["rule"] == "handoff":
            yield Text(f"      for example {_value(remark['witness'])}", style="dim")
        if remark["runs"]:
            yield Text(f"      {plural(remark['runs'], 'unfinished run')}", style="cyan")
    if len(remarks) > _REMARKS_MAX:
        yield Text(f"  … and {len(remarks) - _REMARKS_MAX} more; `-o json` shows all", style="dim")
