"""`run: script` and `run: shell`: programs of the hub's machine, where its setting allows them."""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Literal

from podium.facts.values import JSON, Problem
from podium.resources.troubles import shown
from podium.workflow.draft import Draft, Place, Scope
from podium.workflow.expressions import Part, mapping
from podium.workflow.program import Expression, Program, RunProcess

PROCESSES = frozenset(("script", "shell"))
CODE_BYTES_MAX = 100_000

RETURNS = ("stdout", "stderr", "code", "all", "none")
_LANGUAGES: dict[str, Literal["python", "js"]] = {"python": "python", "js": "js", "javascript": "js"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EXPRESSION = re.compile(r"\$\{(?![A-Za-z0-9_#!@*?$-])")


def ran(draft: Draft, value: JSON, place: Place, scope: Scope) -> RunProcess:
    """`run: {script|shell: {…}, await, return}`"""
    what: Literal["script", "shell"] = "shell" if isinstance(value, dict) and "shell" in value else "script"
    given = draft.table(value, place, "`run`", (what, "await", "return"))
    draft.flag(given.get("await", True), place / "await", "`await`")
    if given.get("await") is False:
        draft.unsupported(place / "await", f"`run: {what}` without waiting for it", "put it into a `fork`")
    at = place / what
    own = ("command",) if what == "shell" else ("language", "code")
    process = draft.table(
        given[what], at, f"`{what}`", (*own, "stdin", "arguments", "environment"), required=own,
        unsupported={"source": "write the `code` itself"} if what == "script" else {},
    )  # fmt: skip
    return RunProcess(
        what=what,
        language="sh" if what == "shell" else _language(draft, process, at),
        code=_command(draft, process, at) if what == "shell" else _code(draft, process, at),
        request=_request(draft, process, at, scope),
        returns=draft.choice(given.get("return", "stdout"), place / "return", "`return`", RETURNS),
    )


def forbidden(program: Program, allowed: Set[str]) -> list[Problem]:
    """What a program runs that a hub does not allow."""
    return [
        Problem("configuration", f"{node.reference}/run/{node.detail.what}", _forbidden(node.detail.what))
        for node in program.nodes
        if isinstance(node.detail, RunProcess) and node.detail.what not in allowed
    ]


def _forbidden(what: str) -> str:
    return (
        f"`run: {what}` lets a workflow do whatever the hub itself may on its machine, so it is off; "
        f"start the hub with PODIUM_ALLOW_RUN={what} to have it."
    )


def _language(draft: Draft, process: dict[str, JSON], place: Place) -> Literal["python", "js"]:
    language = draft.text(process.get("language", "python"), place / "language", "`language`")
    if language and language not in _LANGUAGES:
        draft.unsupported(place / "language", f"the language `{shown(language)}`", "use `python` or `js`")
    return _LANGUAGES.get(language, "python")


def _code(draft: Draft, process: dict[str, JSON], place: Place) -> str:
    """The code of a script. `${` in it is the script's own."""
    return _fixed(draft, process, "code", place)


def _command(draft: Draft, process: dict[str, JSON], place: Place) -> str:
    """A shell command. `${NAME}` in it is the shell's own; an expression would be run as code."""
    command = _fixed(draft, process, "command", place)
    if found := _EXPRESSION.search(command):
        expression = shown(command[found.start() : found.start() + 20])
        message = (
            f"`command` is a fixed text, for what `{expression}` gives would be run as code; pass it as "
            "one of `arguments` (`$1`, `$2`…), by `environment` or on `stdin`."
        )
        draft.refuse("wrong-value", place / "command", message)
    return command


def _fixed(draft: Draft, process: dict[str, JSON], name: str, place: Place) -> str:
    text = process.get(name, "x")
    if not isinstance(text, str):
        draft.refuse("wrong-type", place / name, f"`{name}` must be a text.")
        return ""
    if "\0" in text or len(text.encode()) > CODE_BYTES_MAX:
        message = f"`{name}` may have {CODE_BYTES_MAX} bytes, and none of them 0; put more into a file."
        draft.refuse("wrong-value", place / name, message)
    return text


def _request(draft: Draft, process: dict[str, JSON], place: Place, scope: Scope) -> Expression:
    parts: dict[str, Part] = {}
    if "stdin" in process:
        if not isinstance(process["stdin"], str):
            draft.refuse("wrong-type", place / "stdin", "`stdin` must be a text, or an expression in `${ }`.")
        parts["stdin"] = draft.member(process["stdin"], "/stdin", place, scope)
    arguments = draft.sequence(process.get("arguments", []), place / "arguments", "`arguments`")
    for number, argument in enumerate(arguments):
        if not isinstance(argument, str):
            draft.refuse("wrong-type", place / "arguments" / number, "An argument must be a text; quote it.")
    parts["arguments"] = draft.member(arguments, "/arguments", place, scope)
    environment = draft.named(process.get("environment", {}), place / "environment", "`environment`")
    for name in environment:
        if not _NAME.fullmatch(name):
            message = f"`{shown(name)}` is no name of a variable: letters, digits and `_`."
            draft.refuse("wrong-value", place / "environment" / name, message)
    parts["environment"] = draft.member(environment, "/environment", place, scope)
    return draft.finished("what the process is given", mapping(parts), place, scope)
