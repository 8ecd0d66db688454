"""How large and how deep a value may be that a workflow makes.

A loop that puts its data into an object of itself doubles it each time, and in memory that costs nothing:
the copies are shared. Written down it would be the end of the hub, and again after every restart.
"""

from __future__ import annotations

from podium.facts.values import JSON

DEPTH_MAX = 200
"""Objects and arrays inside each other."""
VALUES_MAX = 1_000_000
"""Members and items in all."""
TEXT_MAX = 16 * 1024 * 1024
"""Characters of all its texts together."""


def excess(value: JSON) -> str:
    """Why a value is too large, in a few words; "" if it is not. Looks at no more of it than may be there."""
    kind = type(value)
    if kind is not dict and kind is not list:
        return "" if kind is not str or len(value) <= TEXT_MAX else f"more than {TEXT_MAX} characters"
    level, values, text = [value], 0, 0
    for _ in range(DEPTH_MAX):
        below: list[JSON] = []
        for item in level:
            kind = type(item)
            if kind is str:
                text += len(item)
            elif kind is dict:
                text += sum(map(len, item))
                below.extend(item.values())
            elif kind is list:
                below.extend(item)
            if values + len(below) > VALUES_MAX:
                return f"more than {VALUES_MAX} values"
        if text > TEXT_MAX:
            return f"more than {TEXT_MAX} characters"
        if not below:
            return ""
        values += len(below)
        level = below
    return f"more than {DEPTH_MAX} levels"
