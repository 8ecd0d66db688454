"""What people did, newest first, as the log of the catalog has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from podium.facts import events as e
from podium.runtime.presenting import Shown
from podium.runtime.system import SYSTEM_SHARD
from podium.runtime.writer import decode_row

if TYPE_CHECKING:
    from podium.runtime.inquiry import Inquiry

ACTS_MAX = 1_000
_CHUNK = 500


def listed(about: Inquiry, before: int, limit: int, principal: str = "") -> list[Shown]:
    """Acts of people and changes of what is declared. Raises StoreError.

    Each has `seq`, `at`, `principal`, `via`, `act`, `target` and `why`.

    Args:
        before: only those with a smaller seq; 0 for the newest.
        limit: no more than so many, and no more than `ACTS_MAX`.
        principal: only what this one did; "" for all.
    """
    found: list[Shown] = []
    with about.sight.readers.lend() as reader:
        end = min(before or (1 << 62), reader.head(SYSTEM_SHARD).seq + 1)
        while end > 1 and len(found) < min(limit, ACTS_MAX):
            start = max(end - _CHUNK, 1)
            rows = reader.read(SYSTEM_SHARD, start - 1, end - start)
            for row in reversed(rows):
                record = decode_row(row, reader, about.sight.sealing)
                act = _act(record.event, record.body)
                if act is not None and principal in ("", act["principal"]):
                    found.append({"seq": record.seq, "at": record.at, **act})
            end = start
    return found[:limit]


def _act(event: e.Event, body: Any) -> Shown | None:
    why = getattr(body, "why", "")
    match event:
        case e.ActNoted():
            return {
                "principal": event.principal, "via": event.via, "act": event.act, "target": event.target,
                "why": why,
            }  # fmt: skip
        case e.ResourceApplied() | e.ResourceDeleted():
            done = "applied" if isinstance(event, e.ResourceApplied) else "deleted"
            target = f"{event.kind.lower()}/{event.name}@{event.version}"
            forced = ", by force" if event.forced else ""
            return {
                "principal": event.principal,
                "via": "",
                "act": done + forced,
                "target": target,
                "why": why,
            }
    return None
