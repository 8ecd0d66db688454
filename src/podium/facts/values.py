"""Values that inputs, events and orders have in common."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

JSON: TypeAlias = Any
"""A JSON value: None, bool, int, float, str, list or dict with str keys."""

ERRORS = "https://serverlessworkflow.io/spec/1.0.0/errors/"

Delivery: TypeAlias = Literal["at-least-once", "at-most-once"]
AT_LEAST_ONCE: Delivery = "at-least-once"


class Error(msgspec.Struct, frozen=True, omit_defaults=True):
    """A fault in a run: RFC 7807 problem details, as the workflow language has them.

    Attributes:
        type: URI of the kind of error; standard ones start with `ERRORS`.
        status: HTTP-like status, 400 to 599.
        title: what went wrong, in one line.
        detail: the particulars, and the way out.
        instance: JSON pointer to the task that raised it, `/do/0/classify`.
    """

    type: str
    status: int
    title: str = ""
    detail: str = ""
    instance: str = ""


STATUS = {
    "configuration": 400,
    "validation": 400,
    "expression": 400,
    "authentication": 401,
    "authorization": 403,
    "timeout": 408,
    "communication": 500,
    "runtime": 500,
}


def standard_error(name: str, instance: str, title: str, detail: str = "") -> Error:
    """One of the standard errors (workflow DSL 1.0.3, "Standard Error Types"), by its last name."""
    return Error(ERRORS + name, STATUS[name], title, detail, instance)


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One reason why something declared or submitted is refused.

    Attributes:
        rule: short stable name of the rule that was broken, `unknown-field`.
        path: JSON pointer into the document or payload.
        message: what is wrong and what to do about it, in one sentence.
        file: where the document was read from, if from a file.
        line: line in that file, from 1; 0 if unknown.
        column: column in that line, from 1; 0 if unknown.
        resource: what it is about, `Workflow/support/refund@1.0.0`, where several are declared at once.
    """

    rule: str
    path: str
    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    resource: str = ""


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The answer to an input that breaks a rule; nothing was recorded for it.

    Attributes:
        code: who must act: `usage` (fix the input), `not-found`, `conflict` (the key or the state
            is taken), `refused` (a rule forbids it).
        problems: at least one.
    """

    code: Literal["usage", "not-found", "conflict", "refused"]
    problems: tuple[Problem, ...]


class Accepted(msgspec.Struct, frozen=True, tag="accepted"):
    """The answer to an input that was recorded.

    Attributes:
        run_id: the run it belongs to, "" if it belongs to none.
        created: whether it made something new (a repeated submit does not).
        detail: one line for people.
        names: what was made or changed, for an apply.
        notices: what whoever asked should know, in sentences: the use of what is deprecated.
    """

    run_id: str = ""
    created: bool = True
    detail: str = ""
    names: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


Reply: TypeAlias = Accepted | Refused
