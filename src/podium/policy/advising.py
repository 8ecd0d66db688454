"""Advising: what people can do about an action that nothing allows, in words to copy."""

from __future__ import annotations

import re
from collections.abc import Iterator

from podium.facts.policy import Action
from podium.policy.matching import TOOLS

_NAME = re.compile(r"[^\s*]{1,256}")
"""What a match can name."""
_PLAIN = re.compile(r"[A-Za-z0-9_./@:,+*-]+")


def ways_out(action: Action) -> str:
    """How to allow an action that no policy allows, and how to find out more: a line for each."""
    return (
        f"to allow it, add to a policy that is about it, or to a new one: {_rule(action)}\n"
        f"to see what every rule says of it: podium policy explain {' '.join(_values(action))}"
    )


def _rule(action: Action) -> str:
    """A rule that allows the action, and little else."""
    match: dict[str, tuple[str, ...]] = {}
    if action.kind in TOOLS:
        match["tools"] = (action.target,)
    else:
        match["kinds"] = (action.kind,)
        match["targets"] = (action.target,)
    if action.agent:
        match["roles" if action.roles else "agents"] = action.roles or (action.agent,)
    else:
        match["workflows"] = (action.workflow,)
    parts = (
        f"{name}: [{', '.join(map(_text, values))}]"
        for name, values in match.items()
        if _NAME.fullmatch(values[0])
    )
    return f"{{id: …, effect: allow, match: {{{', '.join(parts)}}}}}"


def _values(action: Action) -> Iterator[str]:
    """The action as `policy explain` takes it, but for its arguments, which may be nobody's business."""
    given: dict[str, str] = {}
    if action.kind in TOOLS:
        given["tool"] = action.target
        given["tool.groups"] = ",".join(action.groups)
        given["tool.side_effect"] = action.side_effect
        given["dest.domain"] = action.destinations[0].host if action.destinations else ""
    else:
        given.update(kind=action.kind, target=action.target, capability=action.capability)
    given["run.workflow"] = action.workflow
    given["agent.name"], given["agent.roles"] = action.agent, ",".join(action.roles)
    return (f"--value {_word(f'{name}={value}')}" for name, value in given.items() if value)


def _text(value: str) -> str:
    return value if _PLAIN.fullmatch(value) and value[0].isalpha() else "'" + value.replace("'", "''") + "'"


def _word(text: str) -> str:
    """A word of a shell's line."""
    name, _, value = text.partition("=")
    quoted = value.replace("'", "'\\''")
    return text if _PLAIN.fullmatch(value) else f"'{name}={quoted}'"
