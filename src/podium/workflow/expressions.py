"""Expressions and templates of a document: each becomes a jq program, and a closure where possible."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field, replace
from hashlib import sha256

from podium.facts.values import JSON
from podium.resources.troubles import pointer
from podium.workflow.jq_builtins import BUILTINS
from podium.workflow.jq_closures import (
    Built,
    Native,
    NotCovered,
    Nothing,
    array_of,
    joined,
    literal,
    object_of,
    variable,
)
from podium.workflow.jq_native import build
from podium.workflow.jq_text import Malformed, Token, calls_of, embedded, tokens_of, variables_of
from podium.workflow.jq_values import scalar_text
from podium.workflow.program import Expression, Loose
from podium.workflow.secrets import with_placeholders

_SHOWN = 200
_CONSTANTS = frozenset(("true", "false", "null"))
_NOTHING_KNOWN = "${"
"""As a source: text from which nothing can be told of the value."""
_NOT_A_FUNCTION = "an expression must give the same value for the same data, so it reads nothing else"
UNAVAILABLE = {
    **dict.fromkeys(("env", "input", "inputs", "input_line_number", "input_filename"), _NOT_A_FUNCTION),
    **dict.fromkeys(("modulemeta", "get_search_list", "get_jq_origin", "get_prog_origin"), _NOT_A_FUNCTION),
    **dict.fromkeys(("now", "localtime", "strflocaltime"), "use `$task.startedAt` and UTC"),
    **dict.fromkeys(("debug", "stderr"), "an expression writes nothing; put the value into an output"),
    **dict.fromkeys(("halt", "halt_error"), "use `error(…)` to fail"),
    **dict.fromkeys(("__loc__", "$__loc__"), "an expression does not know its place"),
    **dict.fromkeys(("$ENV", "$__prog_args"), _NOT_A_FUNCTION),
}
"""What jq offers and an expression may not use, with the way out. The worker shadows the same."""


WHOLE = re.compile(r"\s*\$\{.+\}\s*")
"""What the language's schema takes for a runtime expression where a literal could stand too."""


def is_one_expression(text: str) -> bool:
    """Whether a text is one `${ }` and nothing else, right or wrong."""
    if not WHOLE.fullmatch(text):
        return False
    try:
        return len(embedded(text.strip())) == 1
    except Malformed:
        return True


@dataclass(frozen=True, slots=True)
class Piece:
    """One jq text of the document.

    Attributes:
        path: JSON pointer to the value that holds it, relative to what was compiled.
        text: the text without `${ }`.
        program: the text alone as a program over data and arguments, for a check of its syntax.
        arguments: names of the variables that it takes from outside, and where in the text each stands.
        native: whether its syntax is already known to be right.
        secrets: names of the secrets that it uses, and where in the text each stands.
    """

    path: str
    text: str
    program: str
    arguments: Mapping[str, int]
    native: bool
    secrets: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """A value of the document, compiled, that can become part of a larger one.

    Attributes:
        body: jq text that gives exactly one output.
        built: the same as a closure, where the native part of jq covers it.
        arguments: names of the variables that it takes from outside.
        pieces: the jq texts that it holds.
        loose: what is an expression only if it has a value.
    """

    body: str
    built: Built | None
    arguments: tuple[str, ...] = ()
    pieces: tuple[Piece, ...] = ()
    loose: tuple[Loose, ...] = ()

    def under(self, path: str) -> Part:
        """The same part of a value that stands at `path`."""
        pieces = tuple(replace(piece, path=path + piece.path) for piece in self.pieces)
        return replace(self, pieces=pieces)


def compile_expression(text: str, found: list[Piece] | None = None) -> Expression:
    """A runtime expression, in `${ }` or bare.

    Args:
        text: as in the document.
        found: where the jq texts that it holds are added.

    Raises:
        Malformed: it is not an expression.
    """
    inner = source = text.strip()
    if inner.startswith("${"):
        pieces = embedded(inner)
        if len(pieces) != 1 or isinstance(pieces[0], str):
            raise Malformed("one `${ }` must hold the whole expression", 0)
        part = _expression(*pieces[0], "")
    else:
        part = _expression(text, tokens_of(text), "")
        # The line break ends a comment that the text may close with.
        source = f"${{ {inner}\n}}"
    return finished(text.strip(), part, found, source)


def compile_template(
    value: JSON, found: list[Piece] | None = None, loose: Set[str] | None = None
) -> Expression:
    """A JSON value whose strings may hold `${ }`.

    A string that is one `${ }` gives the value of the expression. In any other, each `${ }` is replaced by
    its value: nothing for null, a string as it is, else JSON.

    Args:
        value: as in the document.
        found: where the jq texts that it holds are added.
        loose: the variables that are known, where a string without `${ }` may be an expression too.

    Raises:
        Malformed: a string holds what is not an expression; `path` points to it.
    """
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return finished(text, template(value, "", loose), found, value)


def finished(text: str, part: Part, found: list[Piece] | None, source: JSON = None) -> Expression:
    """The expression that a part makes."""
    if found is not None:
        found.extend(part.pieces)
    return Expression(
        text=text[:_SHOWN],
        program=_program(part.body, part.arguments),
        arguments=part.arguments,
        native=None if part.built is None else _one_output(part.built),
        constant=part.built is not None and part.built.literal,
        source=_NOTHING_KNOWN if part.loose else source,
        loose=part.loose,
    )


def _one_output(built: Built) -> Native:
    run = built.run
    if built.total:
        return run

    def give(data: JSON, arguments: Mapping[str, JSON]) -> JSON:
        try:
            return run(data, arguments)
        except Nothing:
            return None

    return give


def _program(body: str, arguments: tuple[str, ...]) -> str:
    bindings = "".join(f".v.{name} as ${name} | " for name in arguments)
    return f"{bindings}.d | {body}"


def _expression(text: str, tokens: tuple[Token, ...], path: str) -> Part:
    if not tokens:
        raise Malformed("the expression is empty", 0)
    written, secrets = text, dict[str, int]()
    if "$secrets" in text:
        text, secrets = with_placeholders(text)
        tokens = tokens_of(text)
    _refuse_unavailable(tokens)
    variables = variables_of(tokens)
    names = tuple(variables)
    try:
        built = build(tokens)
    except NotCovered:
        built = None
    # The line breaks end a comment that the text may close with.
    body = f"(\n{text}\n)"
    piece = Piece(path, written, _program(body, names), variables, built is not None, secrets)
    if built is None or not built.total:
        body = f"first({body}, null)"
    if built is not None and not built.total:
        built = Built(_one_output(built), copies=built.copies)
    return Part(body, built, names, (piece,))


def _refuse_unavailable(tokens: tuple[Token, ...]) -> None:
    used = calls_of(tokens) | {f"${name}": at for name, at in variables_of(tokens).items()}
    for name, at in used.items():
        if name in UNAVAILABLE:
            raise Malformed(f"`{name}` is not available: {UNAVAILABLE[name]}", at)


def template(value: JSON, path: str, loose: Set[str] | None = None) -> Part:
    """A value as `compile_template` takes it; `path` is its JSON pointer in what is compiled."""
    if isinstance(value, str):
        return _string(value, path) if loose is None or "${" in value else _loosely(value, path, loose)
    if isinstance(value, list):
        return _sequence([template(item, f"{path}/{number}", loose) for number, item in enumerate(value)])
    if isinstance(value, dict):
        return mapping({key: template(item, path + pointer((key,)), loose) for key, item in value.items()})
    return _constant(value)


def _loosely(text: str, path: str, variables: Set[str]) -> Part:
    """A text of a `loose` document: an expression, where it can be one and turns out to have a value."""
    try:
        tokens = tokens_of(text)
        defines = any(token.text == "def" for token in tokens)
        if not defines and not calls_of(tokens).keys() <= BUILTINS | _CONSTANTS:
            return _constant(text)
        part = _expression(text, tokens, path)
    except Malformed:
        return _constant(text)
    (piece,) = part.pieces
    if not piece.arguments.keys() <= variables or (piece.secrets and "secrets" not in variables):
        return _constant(text)
    expression = finished(text, part, None)
    if expression.constant:
        return part
    argument = f"__{sha256(path.encode()).hexdigest()[:12]}"
    # Whether it is jq is found out when it is evaluated.
    piece = replace(piece, native=True)
    return Part(
        f"${argument}", variable(argument), (argument,), (piece,), (Loose(argument, expression, text),)
    )


def _constant(value: JSON) -> Part:
    text = json.dumps(value, ensure_ascii=False)
    return Part(f"({text})" if text.startswith("-") else text, literal(value))


def _string(text: str, path: str) -> Part:
    try:
        pieces = embedded(text)
        values = [piece for piece in pieces if not isinstance(piece, str)]
        if not values:
            return _constant(text)
        if len(values) == 1 and all(piece.isspace() for piece in pieces if isinstance(piece, str)):
            return _expression(*values[0], path)
        parts = [
            _constant(piece) if isinstance(piece, str) else _as_text(_expression(*piece, path))
            for piece in pieces
        ]
    except Malformed as malformed:
        malformed.path = path
        raise
    return concatenated(parts)


def _as_text(part: Part) -> Part:
    return mapped(part, 'if . == null then "" elif type == "string" then . else tojson end', _shown)


def mapped(part: Part, body: str, change: Callable[[JSON], JSON]) -> Part:
    """A part whose value goes through a jq program, which is the same as the function `change`."""
    built = None
    if part.built is not None:
        run = part.built.run
        built = Built(
            lambda data, arguments: change(run(data, arguments)),
            total=part.built.total,
            copies=part.built.copies,
        )
    return replace(part, body=f"({part.body} | {body})", built=built)


def concatenated(parts: list[Part]) -> Part:
    """A string out of parts that give strings."""
    body = " + ".join(part.body for part in parts)
    return _combined(f"({body})", parts, lambda builts: joined(builts, str))


def _shown(value: JSON) -> str:
    return "" if value is None else scalar_text(value)


def _sequence(parts: list[Part]) -> Part:
    return _combined(f"[{', '.join(part.body for part in parts)}]", parts, array_of)


def mapping(parts: dict[str, Part]) -> Part:
    """An object of parts."""
    pairs = ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {part.body}" for key, part in parts.items())
    keys = [literal(key) for key in parts]
    return _combined(
        f"{{{pairs}}}", list(parts.values()), lambda builts: object_of(list(zip(keys, builts, strict=True)))
    )


def _combined(body: str, parts: list[Part], combine: Callable[[list[Built]], Built]) -> Part:
    builts = [part.built for part in parts]
    native = [built for built in builts if built is not None]
    return Part(
        body,
        combine(native) if len(native) == len(builts) else None,
        tuple(dict.fromkeys(name for part in parts for name in part.arguments)),
        tuple(piece for part in parts for piece in part.pieces),
        tuple(loose for part in parts for loose in part.loose),
    )
