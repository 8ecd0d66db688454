"""Replies of a door as clients take them: results, or errors that say why there is none."""

from __future__ import annotations

from math import isfinite
from typing import Any

import msgspec

from podium.facts.values import Problem
from podium.sdk.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    PodiumError,
    RefusedError,
    UnreachableError,
)
from podium.sdk.transport import Reply

_REFUSALS: dict[str, type[PodiumError]] = {
    "usage": InvalidError,
    "not-found": NotFoundError,
    "conflict": ConflictError,
    "refused": RefusedError,
}


def result_of(reply: Reply) -> Any:
    """What a reply gives. Raises PodiumError where that is nothing."""
    if "result" in reply:
        return reply["result"]
    refused = reply.get("refused")
    if refused is not None:
        problems = tuple(msgspec.convert(problem, Problem) for problem in refused["problems"])
        message = "; ".join(map(_sentence, problems))
        if any(problem.rule == "hub-stopped" for problem in problems):
            raise UnreachableError(message, problems)
        raise _REFUSALS.get(refused["code"], RefusedError)(message, problems)
    if "gone" in reply:
        raise UnreachableError(reply["gone"]["message"])
    raise RefusedError(str(reply.get("error", {}).get("message", "the hub gave an answer without a reason")))


def plain(params: Reply) -> Reply:
    """Parameters as JSON has them, shared with nobody. Raises InvalidError where JSON has them not."""
    try:
        copy: Reply = msgspec.json.decode(msgspec.json.encode(params))
    except RecursionError:
        raise InvalidError("what is given is nested too deeply, or contains itself") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidError(f"what is given is not JSON: {error}") from None
    # Unequal is what the encoder changed without a word; tuples may be.
    if copy != params:
        _refuse_odd(params, "")
    return copy


def _refuse_odd(value: Any, path: str) -> None:
    if isinstance(value, dict):
        for key, member in value.items():
            if not isinstance(key, str):
                raise InvalidError(f"{path or '/'} has the key {key!r}; keys are text")
            _refuse_odd(member, f"{path}/{key}")
    elif isinstance(value, list | tuple):
        for index, member in enumerate(value):
            _refuse_odd(member, f"{path}/{index}")
    elif isinstance(value, float) and not isfinite(value):
        raise InvalidError(f"{path or '/'} is {value}, a number that JSON does not have; use null or text")


def _sentence(problem: Problem) -> str:
    """A problem in words; of a payload or of one resource among several, with its place."""
    if problem.resource:
        return f"{problem.resource}{problem.path}: {problem.message}"
    of_payload = problem.rule in ("input-schema", "form", "contract")
    return f"{problem.path}: {problem.message}" if of_payload else problem.message
