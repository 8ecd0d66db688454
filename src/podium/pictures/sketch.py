"""A sketch: a workflow document as steps inside parts inside steps, with only what a picture shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from podium.facts.values import JSON

_CONTROL = ("continue", "end", "exit")


@dataclass(frozen=True, slots=True)
class Jump:
    """Where control may go on instead of at the next step.

    Attributes:
        target: the name of a step beside, `end` or `exit`.
        label: which case, and when; "" for a plain `then`.
    """

    target: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A task.

    Attributes:
        reference: JSON pointer into the document.
        kind: what it is called in words: `agent`, `human`, `fork`, `switch`…
        note: the one thing that tells it from others of its kind.
        condition: its `if`; "" if it has none.
        falls: whether the step after it may follow.
        parts: what is inside.
        edges: between the steps of its parts, by their names: what must be done before what.
        hidden: how many tasks it stands for that are not shown.
    """

    reference: str
    name: str
    kind: str
    note: str = ""
    condition: str = ""
    jumps: tuple[Jump, ...] = ()
    falls: bool = True
    parts: tuple[Part, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """Steps one after the other; of a step with edges, steps side by side."""

    label: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Sketch:
    """A workflow to be drawn."""

    title: str
    steps: tuple[Step, ...] = field(default=())


def sketch(document: Mapping[str, Any]) -> Sketch:
    """Sketch a workflow.

    Args:
        document: one that compiles; what is unknown in it becomes a step without a note.
    """
    about = document["document"]
    title = f"{about['namespace']}/{about['name']}@{about['version']}"
    return Sketch(title, _steps(document["do"], "/do"))


def count(steps: tuple[Step, ...]) -> int:
    """Tasks that are shown, those inside others included."""
    return sum(1 + sum(count(part.steps) for part in step.parts) for step in steps)


def _steps(tasks: Any, reference: str) -> tuple[Step, ...]:
    items = [next(iter(item.items())) for item in tasks]
    return tuple(
        _step(name, task, f"{reference}/{number}/{_escaped(name)}")
        for number, (name, task) in enumerate(items)
    )


def _step(name: str, task: Mapping[str, Any], reference: str) -> Step:
    kind = next((kind for kind in _PARTS if kind in task), "task")
    then = task.get("then", "continue")
    jumps: tuple[Jump, ...] = () if then == "continue" else (Jump(then),)
    falls = then == "continue" and kind != "raise"
    if kind == "switch":
        cases = [next(iter(case.items())) for case in task["switch"]]
        jumps = tuple(
            Jump(
                case.get("then", "continue"),
                f"{label}: {_short(str(case['when']))}" if "when" in case else label,
            )
            for label, case in cases
        )
        falls = falls and any(jump.target == "continue" for jump in jumps)
        falls = falls or all("when" in case for _, case in cases)
        jumps = tuple(jump for jump in jumps if jump.target != "continue")
    called = task["call"] if kind == "call" else kind
    edges = _edges(task) if called == "graph" else ()
    known = called in _CALLS or kind != "call"
    return Step(
        reference, name, called if known else "function", _note(kind, task),
        condition=_short(str(task.get("if", ""))), jumps=jumps, falls=falls,
        parts=_PARTS[kind](task, reference) if kind in _PARTS else (), edges=edges,
    )  # fmt: skip


# --- what is inside ---------------------------------------------------------------------------


def _no_parts(task: Mapping[str, Any], reference: str) -> tuple[Part, ...]:
    return ()


def _scope(task: Mapping[str, Any], reference: str) -> tuple[Part, ...]:
    return (Part("", _steps(task["do"], f"{reference}/do")),)


def _loop(task: Mapping[str, Any], reference: str) -> tuple[Part, ...]:
    label = f"while {_short(str(task['while']))}" if "while" in task else ""
    return (Part(label, _steps(task["do"], f"{reference}/do")),)


def _branches(task: Mapping[str, Any], reference: str) -> tuple[Part, ...]:
    branches = _steps(task["fork"]["branches"], f"{reference}/fork/branches")
    return tuple(Part("", (branch,)) for branch in branches)


def _attempt(task: Mapping[str, Any], reference: str) -> tuple[Part, ...]:
    parts = [Part("try", _steps(task["try"], f"{reference}/try"))]
    catch = task["catch"]
    told = catch.get("errors", {}).get("with", {})
    what = str(told.get("type", told.get("status", ""))).rpartition("/")[2]
    label = " ".join(word for word in ("catch", what) if word)
    if "retry" in catch:
        label += ", retry"
    parts.append(Part(label, _steps(catch.get("do", []), f"{reference}/catch/do")))
    return tuple(parts)


def _heard(task: Mapping[str, Any], reference: str) -> tuple[Part, ...]:
    inner = task.get("foreach", {}).get("do")
    return (Part("each event", _steps(inner, f"{reference}/foreach/do")),) if inner else ()


def _called(task: Mapping[str, Any], reference: str) -> tuple[Part, ...]:
    if task["call"] == "graph":
        return _ranks(task["with"]["nodes"], f"{reference}/with/nodes")
    return ()


_PARTS: dict[str, Callable[[Mapping[str, Any], str], tuple[Part, ...]]] = {
    "for": _loop,
    "fork": _branches,
    "try": _attempt,
    "do": _scope,
    "listen": _heard,
    "call": _called,
    "switch": _no_parts,
    "set": _no_parts,
    "wait": _no_parts,
    "emit": _no_parts,
    "raise": _no_parts,
    "run": _no_parts,
}
"""By the member that says what kind of task it is, in the order in which they are looked for."""


def _edges(task: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    nodes = task["with"]["nodes"]
    return tuple((need, name) for name, node in nodes.items() for need in node.get("needs", ()))


def _ranks(nodes: Mapping[str, Any], reference: str) -> tuple[Part, ...]:
    """The nodes of a graph in rows: each below all that it needs."""
    ranks: dict[str, int] = {}
    for start in nodes:
        path = [start]
        while path:
            needs = nodes[path[-1]].get("needs", ())
            open_ = next((need for need in needs if need not in ranks), None)
            if open_ is not None:
                path.append(open_)
            else:
                name = path.pop()
                ranks[name] = max((ranks[need] + 1 for need in needs), default=0)
    rows: dict[int, list[Step]] = {}
    for name, node in nodes.items():
        step = Step(f"{reference}/{_escaped(name)}", name, "function", _function(node.get("function", "")))
        rows.setdefault(ranks[name], []).append(step)
    return tuple(Part("", tuple(rows[rank])) for rank in sorted(rows))


# --- what is said of it -----------------------------------------------------------------------

_CALLS = ("agent", "human", "http", "openapi", "map", "graph", "compensate", "tool", "plan", "policy")


def _note(kind: str, task: Mapping[str, Any]) -> str:
    teller = _NOTES.get(kind)
    return _short(teller(task)) if teller is not None else ""


def _call_note(task: Mapping[str, Any]) -> str:
    given = task.get("with") or {}
    told: dict[str, Any] = {
        "agent": given.get("capability") or given.get("agent", ""),
        "tool": given.get("tool", ""),
        "human": given.get("title", ""),
        "policy": given.get("name") or ", ".join(given.get("check", ())),
        "http": f"{str(given.get('method', '')).upper()} {_endpoint(given.get('endpoint', ''))}".strip(),
        "openapi": given.get("operationId", ""),
        "map": f"{_function(given.get('function', ''))} over {_short(str(given.get('in', '')))}",
        "graph": f"{len(given.get('nodes', ()))} nodes",
    }
    return str(told.get(task["call"], "" if task["call"] in _CALLS else task["call"]))


def _endpoint(value: JSON) -> str:
    return str(value.get("uri", "")) if isinstance(value, dict) else str(value)


def _function(value: JSON) -> str:
    if isinstance(value, str):
        return value
    given = value.get("with", {}) if isinstance(value, dict) else {}
    if not isinstance(given, dict):
        return ""
    return str(given.get("capability") or given.get("agent") or given.get("tool") or "a task")


def _duration(value: JSON) -> str:
    if not isinstance(value, dict):
        return str(value)
    return " ".join(f"{number} {unit}" for unit, number in value.items())


def _heard_note(task: Mapping[str, Any]) -> str:
    to = task["listen"]["to"]
    mode = next(iter(to), "")
    filters = to[mode] if isinstance(to[mode], list) else [to[mode]]
    types = [str(one.get("with", {}).get("type", "any event")) for one in filters]
    return f"{mode} of {', '.join(types)}" if len(types) > 1 else "".join(types) or "any event"


def _raised_note(task: Mapping[str, Any]) -> str:
    error = task["raise"]["error"]
    return error if isinstance(error, str) else str(error.get("type", "")).rpartition("/")[2]


def _run_note(task: Mapping[str, Any]) -> str:
    of = task["run"].get("workflow", {})
    return f"{of.get('namespace', '')}/{of.get('name', '')}" if of else next(iter(task["run"]), "")


_NOTES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "call": _call_note,
    "for": lambda task: f"{task['for'].get('each', 'item')} in {_short(str(task['for'].get('in', '')))}",
    "fork": lambda task: "the first wins" if task["fork"].get("compete") else "all",
    "listen": _heard_note,
    "set": lambda task: ", ".join(task["set"]) if isinstance(task["set"], dict) else str(task["set"]),
    "wait": lambda task: _duration(task["wait"]),
    "emit": lambda task: str(task["emit"]["event"]["with"].get("type", "")),
    "raise": _raised_note,
    "run": _run_note,
}


def _short(text: str, most: int = 60) -> str:
    """One line of it; an expression without its brackets."""
    line = " ".join(text.split())
    if line.startswith("${") and line.endswith("}") and line.count("${") == 1:
        line = line[2:-1].strip()
    return line if len(line) <= most else line[: most - 1] + "…"


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
