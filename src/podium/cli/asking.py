"""`tool` and `call`: what a process agent asks the hub that started it."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from podium.cli import values
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import show_one

Given = Annotated[Options, Parameter(parse=False)]


def tool(name: str, /, *args: str, key: str = "", options: Given) -> int:
    """Call a tool, from inside a process agent.

    Parameters
    ----------
    name
        Of the tool, or `name@version`.
    args
        Its arguments: JSON, `key=value` pairs, or `@file.json`.
    key
        A name for this call, by which another attempt finds its result again.
    """
    from podium.sdk import asking

    return _shown(lambda: asking.tool(name, _given(args), key=key), options)


def call(capability: str = "", /, *args: str, agent: str = "", key: str = "", options: Given) -> int:
    """Ask another agent, from inside a process agent.

    Parameters
    ----------
    capability
        What is asked for.
    args
        The input: JSON, `key=value` pairs, or `@file.json`.
    agent
        This agent, `name` or `name@version`, instead of any that offers the capability.
    key
        A name for this call, by which another attempt finds its result again.
    """
    from podium.sdk import asking

    return _shown(lambda: asking.call(capability, _given(args), agent=agent, key=key), options)


def _given(args: tuple[str, ...]) -> Any:
    """What was given: one JSON text, or pairs."""
    if len(args) == 1 and "=" not in args[0].partition("{")[0].partition("[")[0].partition('"')[0]:
        return values.document(args[0])
    return values.inputs(args)


def _shown(asked: Any, options: Options) -> int:
    from podium.agents.asking import CallFailed

    try:
        result = asked()
    except CallFailed as failure:
        error = failure.error
        raise Stop(
            Exit.REFUSED if error.status in (401, 403) else Exit.FAILED, error.title, error.detail
        ) from None
    show_one(result, options.format or "json")
    return Exit.OK
