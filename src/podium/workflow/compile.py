"""From a workflow document to its program, or to the reasons why there is none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from math import isfinite

from podium.facts.notices import CAUSES
from podium.facts.secrets import NAME
from podium.facts.sharing import NORMAL, PRIORITIES, Priority
from podium.facts.values import JSON, Problem
from podium.resources.troubles import pointer, shown
from podium.workflow.authenticating import policy
from podium.workflow.calling import TASK_SCOPE, Uses
from podium.workflow.catching import error_template, retry_policy
from podium.workflow.draft import PROBLEMS_MAX, Draft, Place, Scope
from podium.workflow.extending import extensions
from podium.workflow.program import Concurrency, Duration, Expression, Program
from podium.workflow.scheduling import check_schedule
from podium.workflow.tasks import TASKS_MAX, TaskCompiler
from podium.workflow.undoing import undoing

VALUES_DEPTH_MAX = 700
VALUES_MAX = 200_000

_ROOT = Place("", "")
_BEFORE = Scope(frozenset(("workflow", "runtime")))
_INPUT = _BEFORE.with_names("secrets")
_AFTER = Scope(frozenset(("context", "input", "workflow", "runtime")))
_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?")
_VERSION = re.compile(
    r"(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)"
    r"(?:-(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
)
_DSL = re.compile(r"1\.0\.(?:0|[1-9][0-9]*)")


def compile_workflow(
    document: dict[str, JSON],
    digest: str,
    *,
    syntax_check: Callable[[list[str]], list[str | None]] | None = None,
    tasks_max: int = TASKS_MAX,
) -> tuple[Program | None, list[Problem]]:
    """Compile a document of the Open Workflow Specification 1.0.3, as far as Podium has it.

    Args:
        document: as read from its file: JSON values only.
        digest: digest of the document.
        syntax_check: gives for each jq program what is wrong with it, None if nothing is. Without it only
            the expressions of the native part are checked.
        tasks_max: how many tasks there may be, those of functions counted wherever they are called.
    Returns:
        The program and no problems, or None and at least one problem, with its place in the document.
    """
    foreign = list(_foreign(document))
    if foreign:
        return None, foreign[:PROBLEMS_MAX]
    draft = Draft()
    try:
        program = _program(draft, document, digest, tasks_max)
    except RecursionError:
        return None, [Problem("too-large", "", "The tasks nest too deep.")]
    if syntax_check is not None and not draft.problems:
        check_syntax(draft, syntax_check)
    if draft.problems:
        return None, draft.problems
    return program, []


def _program(draft: Draft, document: dict[str, JSON], digest: str, tasks_max: int) -> Program:
    given = draft.table(
        document, _ROOT, "A workflow",
        ("document", "do", "input", "output", "use", "timeout", "evaluate", "schedule"),
        required=("document", "do"),
    )  # fmt: skip
    check_schedule(draft, given, _metadata(document))
    _check_notify(draft, document)
    header = _header(draft, given.get("document", {}))
    _check_evaluation(draft, given.get("evaluate", {}))
    uses = _uses(draft, given.get("use", {}))
    compiler = TaskCompiler(draft, uses, tasks_max)
    _check_uses(draft, uses, compiler)
    root = Place("/do", "/do")
    compiler.body(given.get("do", []), root, TASK_SCOPE)
    if given.get("do") == []:
        draft.refuse("missing-field", root, "A workflow needs at least one task.")
    own_undo = undoing(draft)
    incoming = draft.table(given.get("input", {}), _ROOT / "input", "`input`", ("schema", "from"))
    outgoing = draft.table(given.get("output", {}), _ROOT / "output", "`output`", ("schema", "as"))
    return Program(
        digest=digest,
        **header,
        document=document,
        nodes=tuple(node for node in draft.nodes if node is not None),
        input_schema=draft.optional_schema(incoming, _ROOT / "input"),
        input_from=_mutation(draft, incoming, "input", "from", _INPUT),
        output_as=_mutation(draft, outgoing, "output", "as", _AFTER),
        output_schema=draft.optional_schema(outgoing, _ROOT / "output"),
        timeout=_timeout(draft, given, compiler),
        secrets=draft.secrets,
        undoing=own_undo,
        dead_letters=_dead_letters(draft, document),
        subject=_subject(draft, document),
        concurrency=_concurrency(draft, document),
        priority=_priority(draft, document),
    )


def _metadata(document: JSON) -> dict[str, JSON]:
    """`document.metadata`, as far as it is there."""
    identity = document.get("document") if isinstance(document, dict) else None
    metadata = identity.get("metadata") if isinstance(identity, dict) else None
    return metadata if isinstance(metadata, dict) else {}


def _dead_letters(draft: Draft, document: JSON) -> bool:
    """Whether failures that nothing catches are kept, by `document.metadata.onFailure`."""
    metadata = _metadata(document)
    if "onFailure" not in metadata:
        return False
    place = _ROOT / "document" / "metadata" / "onFailure"
    chosen = draft.choice(metadata["onFailure"], place, "`onFailure`", ("fault", "deadLetter"))
    return bool(chosen == "deadLetter")


def _subject(draft: Draft, document: JSON) -> Expression | None:
    """Whom a run is about, by `document.metadata.subject`. The hub must know before the run begins, so jq may
    not be needed for it.
    """
    metadata = _metadata(document)
    if "subject" not in metadata:
        return None
    place = _ROOT / "document" / "metadata" / "subject"
    found = draft.expression(metadata["subject"], place, "`subject`", Scope(frozenset()))
    if found.native is None:
        draft.unsupported(place, "such an expression as a subject", "take a member of the input, `${ .id }`")
    return found


def _check_notify(draft: Draft, document: JSON) -> None:
    """What the hub tells by runs of this workflow, by `document.metadata.notify`."""
    metadata = _metadata(document)
    place = _ROOT / "document" / "metadata" / "notify"
    for number, cause in enumerate(draft.sequence(metadata.get("notify", []), place, "`notify`")):
        draft.choice(cause, place / number, "What is told", CAUSES)


def _concurrency(draft: Draft, document: JSON) -> Concurrency | None:
    """How many runs may be at work on the same, by `document.metadata.concurrency`. The hub must know the key
    as it takes a run in, so jq may not be needed for it.
    """
    metadata = _metadata(document)
    if "concurrency" not in metadata:
        return None
    place = _ROOT / "document" / "metadata" / "concurrency"
    given = draft.table(
        metadata["concurrency"], place, "`concurrency`", ("key", "limit", "onConflict"), required=("key",)
    )
    key = draft.expression(given.get("key", "."), place / "key", "`key`", Scope(frozenset()))
    if key.native is None:
        instead = "take a member of the input, `${ .id }`"
        draft.unsupported(place / "key", "such an expression as a key", instead)
    limit = draft.count(given.get("limit", 1), place / "limit", "`limit`")
    if limit == 0:
        draft.refuse("wrong-value", place / "limit", "`limit` must be 1 or more.")
    conflicts = ("queue", "reject", "dedupe", "cancelPrevious")
    chosen = draft.choice(given.get("onConflict", "queue"), place / "onConflict", "`onConflict`", conflicts)
    return Concurrency(key, limit, chosen)


def _priority(draft: Draft, document: JSON) -> Priority:
    """How urgent runs are, by `document.metadata.priority`."""
    metadata = _metadata(document)
    place = _ROOT / "document" / "metadata" / "priority"
    chosen = draft.choice(metadata.get("priority", NORMAL), place, "`priority`", PRIORITIES)
    return next((one for one in PRIORITIES if one == chosen), NORMAL)


def _mutation(
    draft: Draft, given: dict[str, JSON], field: str, member: str, scope: Scope
) -> Expression | None:
    if member not in given:
        return None
    return draft.mutation(given[member], _ROOT / field / member, f"`{field}.{member}`", scope)


def _timeout(draft: Draft, given: dict[str, JSON], compiler: TaskCompiler) -> Duration | None:
    if "timeout" not in given:
        return None
    place = _ROOT / "timeout"
    timeout = compiler.timeout(given["timeout"], place, _BEFORE)
    if timeout is not None and timeout.expression is not None:
        draft.unsupported(place, "an expression as the timeout of a workflow", "write a fixed duration")
    return timeout


def _header(draft: Draft, value: JSON) -> dict[str, str]:
    """Namespace, name and version of the workflow."""
    place = _ROOT / "document"
    given = draft.table(
        value, place, "`document`",
        ("dsl", "namespace", "name", "version", "title", "summary", "tags", "metadata"),
        required=("dsl", "namespace", "name", "version"),
    )  # fmt: skip
    dsl = draft.text(given.get("dsl", "1.0.3"), place / "dsl", "`dsl`")
    if not _DSL.fullmatch(dsl):
        draft.unsupported(place / "dsl", f"version `{shown(dsl)}` of the language", "write `dsl: '1.0.3'`")
    for field in ("title", "summary"):
        draft.text(given.get(field, ""), place / field, f"`{field}`")
    for field in ("tags", "metadata"):
        draft.named(given.get(field, {}), place / field, f"`{field}`")
    return {
        "namespace": _matching(draft, given, "namespace", place, _NAME, "letters, digits and inner hyphens"),
        "name": _matching(draft, given, "name", place, _NAME, "letters, digits and inner hyphens"),
        "version": _matching(draft, given, "version", place, _VERSION, "three numbers, `1.0.0`"),
    }


def _matching(
    draft: Draft, given: dict[str, JSON], field: str, place: Place, pattern: re.Pattern[str], form: str
) -> str:
    if field not in given:
        return ""
    text = draft.text(given[field], place / field, f"`{field}`")
    if text and not pattern.fullmatch(text):
        draft.refuse("wrong-value", place / field, f"`{field}` must be {form}, not `{shown(text)}`.")
    elif given[field] == "":
        draft.refuse("wrong-value", place / field, f"`{field}` must not be empty.")
    return text


def _check_evaluation(draft: Draft, value: JSON) -> None:
    place = _ROOT / "evaluate"
    given = draft.table(value, place, "`evaluate`", ("language", "mode"))
    if given.get("language", "jq") != "jq":
        draft.unsupported(place / "language", f"the language {shown(given['language'])}", "use `jq`")
    mode = draft.choice(given.get("mode", "strict"), place / "mode", "`mode`", ("strict", "loose"))
    draft.is_loose = mode == "loose"


def _uses(draft: Draft, value: JSON) -> Uses:
    place = _ROOT / "use"
    given = draft.table(
        value, place, "`use`", (
            "functions", "retries", "errors", "timeouts", "secrets", "authentications", "extensions",
        ),
        unsupported={
            "catalogs": "define functions under `use.functions`",
        },
    )  # fmt: skip
    draft.secrets = _secrets(draft, given.get("secrets", []), place / "secrets")
    at = place / "authentications"
    draft.authentications = draft.named(given.get("authentications", {}), at, "`use.authentications`")
    return Uses(
        **{
            name: draft.named(given.get(name, {}), place / name, f"`use.{name}`")
            for name in ("functions", "retries", "errors", "timeouts")
        },
        extensions=extensions(draft, given.get("extensions", []), place / "extensions"),
    )


def _secrets(draft: Draft, value: JSON, place: Place) -> tuple[str, ...]:
    """The names of the secrets that the workflow may use."""
    names = []
    for number, name in enumerate(draft.sequence(value, place, "`secrets`")):
        name = draft.text(name, place / number, "The name of a secret")
        if name and not NAME.fullmatch(name):
            message = f"A secret's name must be letters, digits, `_`, `.` and `-`, not `{shown(name)}`."
            draft.refuse("wrong-value", place / number, message)
        names.append(name)
    return tuple(dict.fromkeys(names))


def _check_uses(draft: Draft, uses: Uses, compiler: TaskCompiler) -> None:
    """Check what is defined for reuse, whether it is used or not."""
    place = _ROOT / "use"
    for name in uses.functions:
        compiler.function(name)
    for extension in uses.extensions:
        compiler.extension(extension)
    for name, retry in uses.retries.items():
        retry_policy(draft, retry, place / "retries" / name, TASK_SCOPE.with_names("error"))
    for name, value in draft.authentications.items():
        policy(draft, value, place / "authentications" / name, TASK_SCOPE)
    for name, error in uses.errors.items():
        error_template(draft, error, place / "errors" / name, TASK_SCOPE)
    for name, timeout in uses.timeouts.items():
        if isinstance(timeout, str):
            draft.refuse("wrong-type", place / "timeouts" / name, "A timeout must be an object with `after`.")
        else:
            compiler.timeout(timeout, place / "timeouts" / name, TASK_SCOPE)


def check_syntax(draft: Draft, syntax_check: Callable[[list[str]], list[str | None]]) -> None:
    programs = list(dict.fromkeys(piece.program for _, piece in draft.unproven))
    if not programs:
        return
    faults = dict(zip(programs, syntax_check(programs), strict=True))
    for path, piece in draft.unproven:
        if fault := faults[piece.program]:
            draft.refuse("expression", path, f"`{shown(piece.text)}` is no expression: {fault}.")


def _foreign(document: JSON) -> Iterator[Problem]:
    """What in the document is not JSON, or too much of it, in the order of reading."""
    left = VALUES_MAX
    waiting: list[tuple[JSON, str, int]] = [(document, "", 0)]
    while waiting:
        value, path, depth = waiting.pop()
        left -= 1
        if depth > VALUES_DEPTH_MAX or left == 0:
            yield Problem("too-large", path, "The document nests too deep, or holds too many values.")
        if depth > VALUES_DEPTH_MAX or left <= 0:
            continue
        inside: list[tuple[JSON, str, int]] = []
        if isinstance(value, dict):
            for key, member in value.items():
                if not isinstance(key, str) or not _encodable(key):
                    yield Problem("wrong-type", path, f"The name {shown(key)} must be a text; quote it.")
                else:
                    inside.append((member, path + pointer((key,)), depth + 1))
        elif isinstance(value, list):
            inside = [(member, f"{path}/{number}", depth + 1) for number, member in enumerate(value)]
        elif not _is_scalar(value):
            yield Problem("wrong-type", path, f"{shown(value)} is no JSON value; quote it if it is a text.")
        waiting += reversed(inside)


def _is_scalar(value: JSON) -> bool:
    if isinstance(value, str):
        return _encodable(value)
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, int):
        return isinstance(value, bool) or -(2**63) <= value < 2**64
    return value is None


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
