"""Which rules of policies decided of late, and how."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from podium.facts import events as e
from podium.runtime.presenting import Shown
from podium.runtime.writer import decode_row

if TYPE_CHECKING:
    from podium.runtime.inquiry import Inquiry

RECORDS_MAX = 4_000
"""So many of the newest records are looked at."""


def hits(about: Inquiry) -> list[Shown]:
    """How often which rules decided in the newest records: `rules`, `verdict`, `count`. Raises StoreError."""
    found: Counter[tuple[tuple[str, ...], str]] = Counter()
    sight = about.sight
    with sight.readers.lend() as reader:
        after = max(reader.head(sight.shard).seq - RECORDS_MAX, 0)
        for row in reader.read(sight.shard, after, RECORDS_MAX):
            event = decode_row(row, reader, sight.sealing).event
            if isinstance(event, e.EffectRequested | e.EffectDecided):
                found[event.rules, event.verdict] += 1
    return [
        {"rules": list(rules), "verdict": verdict, "count": many}
        for (rules, verdict), many in found.most_common()
    ]
