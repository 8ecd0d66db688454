"""Errors: raising them, catching them, and trying again."""

from __future__ import annotations

import re
from typing import Literal

from podium.facts.values import JSON
from podium.resources.troubles import did_you_mean, shown
from podium.workflow.draft import Draft, Place, Scope
from podium.workflow.endpoints import is_uri
from podium.workflow.expressions import WHOLE
from podium.workflow.program import Catch, Duration, Expression, Raise, RetryPolicy

_POINTER = re.compile(r"(?:/(?:[^~/$]|~[01])*)*")
ERROR_FIELDS = ("type", "status", "title", "detail", "instance")


def referenced(
    draft: Draft, name: str, defined: dict[str, JSON], place: Place, collection: str
) -> tuple[JSON, Place] | None:
    """What a name under `use` stands for, and where; None, and a problem noted, if nothing has the name."""
    if name in defined:
        path = Place(f"/use/{collection}", place.reference) / name
        return defined[name], Place(path.path, place.reference)
    hint = did_you_mean(name, defined)
    draft.refuse("unknown-name", place, f"`use.{collection}` has no `{shown(name)}`.{hint}")
    return None


def raised(draft: Draft, value: JSON, errors: dict[str, JSON], place: Place, scope: Scope) -> Raise:
    """`raise: {error: …}`"""
    given = draft.table(value, place, "`raise`", ("error",), required=("error",))
    error, at = given.get("error", {"type": "about:blank", "status": 500}), place / "error"
    if isinstance(error, str):
        found = referenced(draft, error, errors, at, "errors")
        if found is None:
            return Raise(draft.template({}, at, scope))
        error, at = found
    return Raise(error_template(draft, error, at, scope))


def error_template(draft: Draft, value: JSON, place: Place, scope: Scope) -> Expression:
    """The definition of an error, as an expression that gives its members."""
    given = draft.table(value, place, "An error", ERROR_FIELDS, required=("type", "status"))
    for name, member in given.items():
        if name == "status":
            draft.count(member, place / name, "`status`")
        elif not isinstance(member, str):
            draft.refuse("wrong-type", place / name, f"`{name}` must be a text.")
        elif name == "instance" and not _POINTER.fullmatch(member):
            draft.refuse("wrong-value", place / name, "`instance` must be a JSON pointer, `/do/0/name`.")
        elif name == "type" and not (WHOLE.fullmatch(member) or is_uri(member)):
            draft.refuse("wrong-value", place / name, "`type` must be a URI or one expression in `${ }`.")
    return draft.template(given, place, scope)


def caught(draft: Draft, value: JSON, retries: dict[str, JSON], place: Place, scope: Scope) -> Catch:
    """`catch`, but for its body and what follows it."""
    known = ("errors", "as", "when", "exceptWhen", "retry", "do", "then")
    given = draft.table(value, place, "`catch`", known)
    variable = "error"
    if "as" in given:
        variable = draft.variable(given["as"], place / "as", "`as`")
    inner = scope.with_names(variable)
    return Catch(
        matches=_matches(draft, given.get("errors", {}), place / "errors"),
        when=_condition(draft, given, "when", place, inner),
        except_when=_condition(draft, given, "exceptWhen", place, inner),
        variable=variable,
        retry=_retry(draft, given, retries, place, inner),
    )


def _condition(
    draft: Draft, given: dict[str, JSON], name: str, place: Place, scope: Scope
) -> Expression | None:
    return draft.expression(given[name], place / name, f"`{name}`", scope) if name in given else None


def _matches(draft: Draft, value: JSON, place: Place) -> dict[str, JSON]:
    errors = draft.table(value, place, "`errors`", ("with",))
    if "with" not in errors:
        return {}
    place = place / "with"
    matches = draft.table(errors["with"], place, "An error filter", ERROR_FIELDS)
    if errors["with"] == {}:
        draft.refuse("missing-field", place, "An error filter needs a member; leave `with` out to catch all.")
    for name, member in matches.items():
        if name == "status":
            draft.count(member, place / name, "`status`")
        else:
            draft.text(member, place / name, f"`{name}`")
    return matches


def _retry(
    draft: Draft, given: dict[str, JSON], retries: dict[str, JSON], place: Place, scope: Scope
) -> RetryPolicy | None:
    if "retry" not in given:
        return None
    policy, at = given["retry"], place / "retry"
    if isinstance(policy, str):
        found = referenced(draft, policy, retries, at, "retries")
        if found is None:
            return None
        policy, at = found
    return retry_policy(draft, policy, at, scope)


def retry_policy(draft: Draft, value: JSON, place: Place, scope: Scope) -> RetryPolicy:
    """A retry policy. Source: workflow DSL 1.0.3, "Retry"."""
    given = draft.table(
        value, place, "A retry policy", ("when", "exceptWhen", "delay", "backoff", "limit", "jitter")
    )
    kind, backoff = _backoff(draft, given.get("backoff", {"constant": {}}), place / "backoff")
    limit = draft.table(given.get("limit", {}), place / "limit", "`limit`", ("attempt", "duration"))
    attempt = draft.table(
        limit.get("attempt", {}), place / "limit" / "attempt", "`attempt`", ("count",),
        unsupported={"duration": "give the tasks inside the `try` a `timeout`"},
    )  # fmt: skip
    jitter = given.get("jitter")
    if jitter is not None:
        jitter = draft.table(jitter, place / "jitter", "`jitter`", ("from", "to"), required=("from", "to"))
    at = place / "backoff" / kind
    return RetryPolicy(
        when=_condition(draft, given, "when", place, scope),
        except_when=_condition(draft, given, "exceptWhen", place, scope),
        delay=_duration(draft, given, "delay", place, scope),
        backoff=kind,
        increment=_duration(draft, backoff, "increment", at, scope),
        multiplier=_multiplier(draft, backoff, at),
        delay_max=_duration(draft, backoff, "maxDelay", at, scope),
        jitter_from=_duration(draft, jitter or {}, "from", place / "jitter", scope),
        jitter_to=_duration(draft, jitter or {}, "to", place / "jitter", scope),
        attempts=_count(draft, attempt, place / "limit" / "attempt"),
        duration=_duration(draft, limit, "duration", place / "limit", scope),
    )


def _count(draft: Draft, attempt: dict[str, JSON], place: Place) -> int | None:
    return draft.count(attempt["count"], place / "count", "`count`") if "count" in attempt else None


def _duration(draft: Draft, given: dict[str, JSON], name: str, place: Place, scope: Scope) -> Duration:
    return draft.duration(given[name], place / name, scope) if name in given else Duration()


_Backoff = Literal["constant", "linear", "exponential"]
_BACKOFFS: dict[_Backoff, tuple[str, ...]] = {
    "constant": (),
    "linear": ("increment", "maxDelay"),
    "exponential": ("multiplier", "maxDelay"),
}


def _backoff(draft: Draft, value: JSON, place: Place) -> tuple[_Backoff, dict[str, JSON]]:
    given = draft.table(value, place, "`backoff`", tuple(_BACKOFFS))
    if len(given) != 1:
        if isinstance(value, dict) and len(value) != 1:
            draft.refuse("wrong-value", place, f"`backoff` must be exactly one of {', '.join(_BACKOFFS)}.")
        return "constant", {}
    kind: _Backoff = next(kind for kind in _BACKOFFS if kind in given)
    return kind, draft.table(given[kind], place / kind, f"`{kind}`", _BACKOFFS[kind])


def _multiplier(draft: Draft, backoff: dict[str, JSON], place: Place) -> float:
    multiplier = backoff.get("multiplier", 2)
    if isinstance(multiplier, bool) or not isinstance(multiplier, int | float) or not 1 <= multiplier <= 100:
        draft.refuse("wrong-value", place / "multiplier", "`multiplier` must be a number from 1 to 100.")
        return 2.0
    return float(multiplier)
