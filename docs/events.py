"""Writes docs/reference/events.md from the code: `python docs/events.py`; a test holds the page to it."""

from __future__ import annotations

import inspect
from pathlib import Path

import msgspec

from podium.facts.events import EVENTS

PAGE = Path(__file__).parent / "reference" / "events.md"

_HEAD = """# Events

What the log can say. A record is a clear envelope and a body; whatever derives from payloads stands in the
body, which can be sealed or erased while the record still verifies. Every envelope also carries `n`, the
event's place among its run's, and `p`, the seq of the run's event before it. A field that has its default is
left out. What they make of a run, its tasks and effects is under [lifecycles](lifecycles.md).

This page is made from `facts/events.py`.
"""


def page() -> str:
    """The page, as Markdown."""
    parts = [_HEAD]
    for name, kind in EVENTS.items():
        parts.append(
            f"\n## {name}\n\n{_sentences(kind)}| where | field | type | default |\n|---|---|---|---|\n"
        )
        parts += [
            _row("envelope", field) for field in msgspec.structs.fields(kind) if len(field.encode_name) > 1
        ]
        if kind.BODY is not None:
            parts += [_row("body", field) for field in msgspec.structs.fields(kind.BODY)]
    return "".join(parts)


def _sentences(kind: type) -> str:
    said = [
        inspect.cleandoc(one.__doc__) for one in (kind, getattr(kind, "BODY", None)) if one and one.__doc__
    ]
    return "".join(text + "\n\n" for text in said if not text.startswith(("The part of", "The clear part")))


def _row(where: str, field: msgspec.structs.FieldInfo) -> str:
    kind = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", str(field.type))
    default = "" if field.default is msgspec.NODEFAULT else repr(field.default)
    kind = str(kind).replace("podium.facts.values.", "").replace("typing.", "").replace("|", "\\|")
    return f"| {where} | `{field.encode_name}` | {kind} | `{default}` |\n"


if __name__ == "__main__":
    PAGE.write_text(page())
