"""A program in the making: its nodes, what was found wrong, and checked reading of the document's values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from podium.facts.values import JSON, Problem
from podium.resources.durations import DurationInvalid, parse_duration
from podium.resources.schemas import schema_faults
from podium.resources.troubles import did_you_mean, pointer, shown
from podium.workflow.expressions import (
    WHOLE,
    Part,
    Piece,
    compile_expression,
    compile_template,
    finished,
    template,
)
from podium.workflow.jq_text import Malformed
from podium.workflow.program import Duration, Expression, Node, Schema
from podium.workflow.schemas import compile_schema

PROBLEMS_MAX = 100

TASK_ARGUMENTS = frozenset(("context", "input", "task", "workflow", "runtime"))
"""What every task has. `$output` joins them in `export.as`."""

NOTHING = compile_template(None)
_RESERVED = TASK_ARGUMENTS | {"output", "secrets", "authorization", "ENV", "__loc__", "__prog_args"}
_ABSENT_ARGUMENTS = {
    "secrets": "it is there in `input.from` only",
    "authorization": "it is there in the `with` of a call that has `authentication`",
    "output": "it is there in `export.as` only",
    "input": "the input is not made yet; use `.`",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: `path` in the document, `reference` in the program.

    They differ inside functions, which stand once in the document and again at each call.
    """

    path: str
    reference: str

    def __truediv__(self, part: str | int) -> Place:
        added = pointer((part,))
        return Place(self.path + added, self.reference + added)


@dataclass(frozen=True, slots=True)
class Scope:
    """The variables that an expression may use beside `.`."""

    names: frozenset[str]

    def with_names(self, *names: str) -> Scope:
        return Scope(self.names | set(names))

    def without(self, *names: str) -> Scope:
        return Scope(self.names - set(names))


@dataclass(slots=True)
class Draft:
    """A program in the making.

    Attributes:
        nodes: by index; None while its children are being compiled.
        problems: what refuses the document.
        unproven: jq texts whose syntax only jq can tell, by their paths.
        secrets: names of `use.secrets`.
        authentications: what `use.authentications` holds.
        is_loose: whether texts without `${ }` may be expressions (`evaluate.mode`).
    """

    nodes: list[Node | None] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unproven: list[tuple[str, Piece]] = field(default_factory=list)
    secrets: tuple[str, ...] = ()
    authentications: dict[str, JSON] = field(default_factory=dict)
    is_loose: bool = False

    def refuse(self, rule: str, place: Place | str, message: str) -> None:
        """Note why the document is refused."""
        path = place if isinstance(place, str) else place.path
        if len(self.problems) < PROBLEMS_MAX:
            problem = Problem(rule, path, message)
            if problem not in self.problems:
                self.problems.append(problem)

    def unsupported(self, place: Place | str, what: str, instead: str) -> None:
        """Refuse a part of the language that this program cannot hold."""
        self.refuse("configuration", place, f"{what} is not supported yet; {instead}.")

    def reserve(self) -> int:
        """The index of the next node, in the order of reading."""
        self.nodes.append(None)
        return len(self.nodes) - 1

    # --- plain values ---------------------------------------------------------------------------

    def table(
        self,
        value: JSON,
        place: Place,
        what: str,
        known: Iterable[str],
        *,
        required: Iterable[str] = (),
        unsupported: Mapping[str, str] | None = None,
    ) -> dict[str, JSON]:
        """An object with known members; what is wrong with it is noted, and an empty one given instead.

        Args:
            unsupported: members that the language has and this program cannot hold, with what to do instead.
        """  # fmt: skip
        if not isinstance(value, dict):
            self.refuse("wrong-type", place, f"{what} must be an object, not {_kind(value)}.")
            return {}
        known, unsupported = tuple(known), unsupported or {}
        for name in value:
            if name in unsupported:
                self.unsupported(place / name, f"`{name}`", unsupported[name])
            elif name not in known:
                hint = did_you_mean(name, known) or f" Known: {', '.join(known)}."
                self.refuse("unknown-field", place / name, f"{what} has no `{shown(name)}`.{hint}")
        for name in required:
            if name not in value:
                self.refuse("missing-field", place, f"{what} needs `{name}`.")
        return {name: member for name, member in value.items() if name in known}

    def named(self, value: JSON, place: Place, what: str) -> dict[str, JSON]:
        """An object whose members have names of the author's choice."""
        if isinstance(value, dict):
            return value
        self.refuse("wrong-type", place, f"{what} must be an object, not {_kind(value)}.")
        return {}

    def sequence(self, value: JSON, place: Place, what: str) -> list[JSON]:
        if isinstance(value, list):
            return value
        self.refuse("wrong-type", place, f"{what} must be a list, not {_kind(value)}.")
        return []

    def text(self, value: JSON, place: Place, what: str) -> str:
        """A text that is no expression."""
        if not isinstance(value, str):
            self.refuse("wrong-type", place, f"{what} must be a text, not {_kind(value)}.")
            return ""
        if "${" in value:
            message = f"{what} must be a fixed text: it is read before any run starts."
            self.refuse("wrong-type", place, message)
            return ""
        return value

    def choice(self, value: JSON, place: Place, what: str, known: tuple[str, ...]) -> Any:
        """One of the known words; the first where it is none."""
        if isinstance(value, str) and value in known:
            return value
        hint = did_you_mean(value, known) if isinstance(value, str) else ""
        self.refuse("wrong-value", place, f"{what} must be one of {', '.join(known)}.{hint}")
        return known[0]

    def flag(self, value: JSON, place: Place, what: str) -> bool:
        if not isinstance(value, bool):
            self.refuse("wrong-type", place, f"{what} must be true or false, not {_kind(value)}.")
        return value is True

    def count(self, value: JSON, place: Place, what: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self.refuse("wrong-type", place, f"{what} must be a whole number from 0.")
            return 0
        return value

    def variable(self, value: JSON, place: Place, what: str) -> str:
        """A name for a variable."""
        name = self.text(value, place, what)
        if name and not (name.isascii() and name.isidentifier()):
            message = f"{what} must be a name of letters, digits and `_`, without `$`; not `{shown(name)}`."
            self.refuse("wrong-value", place, message)
        elif name in _RESERVED:
            self.refuse("wrong-value", place, f"{what} cannot be `{name}`: `${name}` has a meaning already.")
        return name

    # --- expressions ----------------------------------------------------------------------------

    def expression(self, value: JSON, place: Place, what: str, scope: Scope) -> Expression:
        """A runtime expression, bare or in `${ }`."""
        if not isinstance(value, str):
            self.refuse("wrong-type", place, f"{what} must be an expression, not {_kind(value)}.")
            return NOTHING
        return self._compiled(lambda found: compile_expression(value, found), place, scope)

    def template(self, value: JSON, place: Place, scope: Scope) -> Expression:
        """A value that may hold expressions in `${ }`."""
        loose = scope.names if self.is_loose else None
        return self._compiled(lambda found: compile_template(value, found, loose), place, scope)

    def member(self, value: JSON, path: str, place: Place, scope: Scope) -> Part:
        """The same as a part of a larger expression, which is compiled at `place`."""
        loose = scope.names if self.is_loose else None
        return self.part(lambda: template(value, path, loose), place)

    def mutation(self, value: JSON, place: Place, what: str, scope: Scope) -> Expression:
        """An expression, or an object that may hold some: `input.from`, `output.as`, `export.as`."""
        if isinstance(value, dict):
            return self.template(value, place, scope)
        return self.expression(value, place, what, scope)

    def part(self, make: Callable[[], Part], place: Place) -> Part:
        """A part of an expression, as `make` gives it; null where it gives none."""
        try:
            return make()
        except Malformed as malformed:
            self._malformed(malformed, place)
            return template(None, "")

    def finished(self, text: str, part: Part, place: Place, scope: Scope) -> Expression:
        """The expression that a part makes. The paths of its pieces count from `place`."""
        return self._compiled(lambda found: finished(text, part, found), place, scope)

    def _compiled(self, make: Callable[[list[Piece]], Expression], place: Place, scope: Scope) -> Expression:
        found: list[Piece] = []
        try:
            made = make(found)
        except Malformed as malformed:
            self._malformed(malformed, place)
            return NOTHING
        for piece in found:
            self._check_variables(piece, place.path + piece.path, scope)
            if not piece.native:
                self.unproven.append((place.path + piece.path, piece))
        return made

    def _malformed(self, malformed: Malformed, place: Place) -> None:
        self.refuse("expression", place.path + malformed.path, f"This is no expression: {malformed}.")

    def secret(self, name: str, path: Place | str) -> None:
        """Check that the document names a secret that it uses."""
        if name not in self.secrets:
            hint = did_you_mean(name, self.secrets)
            message = f"`use.secrets` does not name `{shown(name)}`, so it cannot be used.{hint}"
            self.refuse("unknown-secret", path, message)

    def _check_variables(self, piece: Piece, path: str, scope: Scope) -> None:
        for name in piece.secrets:
            if "secrets" in scope.names:
                self.secret(name, path)
            else:
                self._refuse_variable("secrets", path, scope)
        for name in piece.arguments:
            if name not in scope.names:
                self._refuse_variable(name, path, scope)

    def _refuse_variable(self, name: str, path: str, scope: Scope) -> None:
        known = ", ".join(f"${known}" for known in sorted(scope.names))
        reason = _ABSENT_ARGUMENTS.get(name, f"known here: {known}")
        hint = did_you_mean(name, scope.names) if name not in _ABSENT_ARGUMENTS else ""
        self.refuse("unknown-variable", path, f"`${name}` is not defined here: {reason}.{hint}")

    # --- durations and schemas ------------------------------------------------------------------

    def duration(self, value: JSON, place: Place, scope: Scope) -> Duration:
        """A duration object, ISO 8601 text, or an expression that gives one of them."""
        if isinstance(value, str) and WHOLE.fullmatch(value):
            return Duration(expression=self.expression(value, place, "A duration", scope))
        try:
            return Duration(parse_duration(value))
        except DurationInvalid as invalid:
            self.refuse("duration", place, str(invalid))
            return Duration()

    def span(self, value: JSON, place: Place) -> int:
        """A time span that is no expression, in ms."""
        try:
            return parse_duration(value)
        except DurationInvalid as invalid:
            self.refuse("duration", place, str(invalid))
            return 0

    def optional_schema(self, given: dict[str, JSON], place: Place) -> Schema | None:
        """The schema of an `input`, `output` or `export`, if it has one."""
        return self.schema(given["schema"], place / "schema") if "schema" in given else None

    def schema(self, value: JSON, place: Place) -> Schema | None:
        """`schema: {format: json, document: …}`"""
        schema = self.table(
            value, place, "A schema", ("format", "document"), required=("document",),
            unsupported={"resource": "write the schema itself as `document`"},
        )  # fmt: skip
        form = schema.get("format", "json")
        if form not in ("json", "json:2020-12"):
            self.unsupported(place / "format", f"the schema format {shown(form)}", "use `json`")
        return self.schema_document(schema["document"], place / "document") if "document" in schema else None

    def schema_document(self, document: JSON, place: Place) -> Schema | None:
        """A JSON Schema itself."""
        faults = schema_faults(document)
        for fault in faults:
            self.refuse("schema", place.path + fault.path, fault.message)
        return None if faults else compile_schema(document)


def _kind(value: JSON) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"`{str(value).lower()}` (quote it if it is a text)"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text `{shown(value)}`"
    return "a list" if isinstance(value, list) else "an object"
