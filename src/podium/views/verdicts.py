"""What policy and people said of an effect, in sentences: the part of a story that is about permission."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

Record = dict[str, Any]
Said = tuple[str, str, list[str]]
"""What kind of line it is, the line, and lines below it."""

SHORT = 120
"""Values are cut to so many characters."""


def verdict(record: Record, body: Record) -> list[str]:
    """Lines about the decision that a record carries: the verdict, why, and what was reserved."""
    rules = f" by {', '.join(record['rules'])}" if record["rules"] else ""
    lines = [f"policy: {record['verdict']}{rules}"]
    if body.get("message"):
        lines.append(f"because {body['message']}")
    if body.get("reads") and record["verdict"] != "allow":
        read = ", ".join(f"{name} = {_cut(value)}" for name, value in body["reads"].items())
        lines.append(f"having read {read}")
    lines += [f"only observed: {one}" for one in record.get("observed") or ()]
    if record.get("override"):
        lines.append(f"OVERRIDDEN by what record {record['override']} says")
    if record.get("terms"):
        lines.append(asked(record["terms"], record["at"]))
    elif record["verdict"] == "defer":
        until = record["until"]
        lines.append(
            f"decided again in {span(until - record['at'])}"
            if until
            else "decided again when something is released"
        )
    return lines


def asked(terms: Record, at: int) -> str:
    """Who is asked, and until when; what has its default is not in `terms`."""
    who = " or ".join(terms.get("roles", ())) or "anybody"
    count = f"{terms['quorum']} of " if terms.get("quorum", 1) > 1 else ""
    tier = f" (tier {terms['tier']})" if terms.get("tier") else ""
    line = f"asked is {count}{who}{tier}"
    if terms.get("others"):
        line += ", not whoever asked for it"
    if not terms.get("deadline_at"):
        return line
    then = f"then tier {terms['silence']} is asked" if terms.get("silence") else "silence denies"
    return f"{line}; within {span(terms['deadline_at'] - at)}, {then}"


def _decided(record: Record, body: Record) -> Said:
    what = {
        "allow": "goes ahead", "approve": "waits for people", "defer": "is held back", "deny": "is denied",
    }[record["verdict"]]  # fmt: skip
    return "policy", f"{record['task']} was decided again: it {what}", verdict(record, body)


def _warned(record: Record, body: Record) -> Said:
    return "cost", f"{record['task']} crosses a threshold", list(record["warnings"])


def _paused(record: Record, body: Record) -> Said:
    pause = span(record["until"] - record["at"])
    return "policy", f"{record['task']}: who was called asks for a pause of {pause}", []


def _approval_decided(record: Record, body: Record) -> Said:
    who = f"{record['principal']} ({record['via']})" if record["via"] else record["principal"]
    word = {"approve": "said yes to", "deny": "said no to"}.get(record["verdict"], "answered")
    outcome = {"granted": "; that is enough", "denied": "; it is not done"}.get(record["outcome"], "")
    lines = [f"as {', '.join(record['roles'])}"] if record["roles"] else []
    if record["verdict"] not in ("approve", "deny"):
        lines.append(f"with {record['verdict']}")
    return "person", f"{who} {word} {record['task']}{outcome}", lines + _why(body)


def _delegated(record: Record, body: Record) -> Said:
    line = f"{record['principal']} let {record['to']} decide on {record['task']}, too"
    return "person", line, _why(body)


def _escalated(record: Record, body: Record) -> Said:
    return "person", f"nobody decided on {record['task']} in time", [asked(record["terms"], record["at"])]


def _expired(record: Record, body: Record) -> Said:
    return "person", f"nobody decided on {record['task']} in time; silence denies", []


def _edited(record: Record, body: Record) -> Said:
    lines = [f"now with {_cut(body['input'])}"] if "input" in body else []
    return "person", f"{record['principal']} made another action of {record['task']}", lines + _why(body)


def _overridden(record: Record, body: Record) -> Said:
    done = "OVERRODE the decision on" if record["outcome"] else "asked to override the decision on"
    line = f"!!! {record['principal']} {done} {record['task']}"
    return "person", f"{line}, for {span(record['expires_at'] - record['at'])}", _why(body)


def _declassified(record: Record, body: Record) -> Said:
    line = f"!!! {record['principal']} took labels from the data: {', '.join(record['labels'])}"
    return "person", line, _why(body)


def _why(body: Record) -> list[str]:
    return [f"because: {body['why']}"] if body.get("why") else []


def _cut(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHORT else f"{text[: SHORT - 1]}…"


def span(ms: int) -> str:
    """A time span in words."""
    if ms < 60_000:
        return f"{ms / 1_000:.1f} s"
    minutes = ms // 60_000
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes < 48 * 60 else f"{minutes // 1440} d"


TOLD: dict[str, Callable[[Record, Record], Said]] = {
    "EffectDecided": _decided,
    "BudgetWarned": _warned,
    "TargetPaused": _paused,
    "ApprovalDecided": _approval_decided,
    "ApprovalDelegated": _delegated,
    "ApprovalEscalated": _escalated,
    "ApprovalExpired": _expired,
    "ActionEdited": _edited,
    "DecisionOverridden": _overridden,
    "DataDeclassified": _declassified,
}
"""By type of record."""
