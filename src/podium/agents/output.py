"""What an in-process agent returned, made into a JSON value that nobody else holds."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from podium.agents.calling import dump
from podium.agents.interface import OUTPUT_BYTES_MAX, AttemptFailed
from podium.facts.values import JSON

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def private(value: JSON) -> JSON:
    """A copy of a JSON value that its receiver may change at will."""
    return _decode(_encode(value))


def output_of(value: Any) -> JSON:
    """A copy of `value` as a JSON value; the agent may keep and change its own.

    Raises:
        AttemptFailed: kind `validation`: it is no JSON value, or larger than `OUTPUT_BYTES_MAX`.
    """
    size = 0
    try:
        encoded = _encode(value)
        size = len(encoded)
        if size <= OUTPUT_BYTES_MAX:
            output = _decode(encoded)
            # Unequal is what the encoder changed without a word: NaN, keys that are numbers, tuples.
            if output == value:
                return output
    except Exception:
        size = 0
    if size > OUTPUT_BYTES_MAX:
        raise too_large(size)
    return _converted(value)


def _converted(value: Any) -> JSON:
    """The slow way: types that become JSON, and failures that say what does not, and where."""
    try:
        _check(value, "")
        encoded = _encode(dump(value))
        if len(encoded) > OUTPUT_BYTES_MAX:
            raise too_large(len(encoded))
        return _decode(encoded)
    except RecursionError:
        raise no_json("it contains itself, or is nested too deeply") from None
    except (TypeError, ValueError, OverflowError) as error:
        raise no_json(str(error)) from None


def too_large(size: int) -> AttemptFailed:
    """The failure of an attempt whose output has `size` bytes or more."""
    return AttemptFailed(
        f"the output is larger than {OUTPUT_BYTES_MAX // 2**20} MiB",
        f"It has {size} bytes or more. Write large results to a file and return its path.",
        retryable=False,
        kind="validation",
    )


def no_json(why: str) -> AttemptFailed:
    """The failure of an attempt whose output is not JSON."""
    return AttemptFailed("the output is not JSON", why, retryable=False, kind="validation")


def _check(value: Any, path: str) -> None:
    if isinstance(value, dict):
        for key, member in value.items():
            if not isinstance(key, str):
                kind = type(key).__name__
                raise no_json(f"the key {key!r} at {path or '/'} is of type {kind}; keys are text")
            _check(member, f"{path}/{key}")
    elif isinstance(value, list | tuple):
        for index, member in enumerate(value):
            _check(member, f"{path}/{index}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise no_json(f"{path or '/'} is {value}, a number that JSON does not have; use null or text")
