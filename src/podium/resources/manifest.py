"""Manifests: a text that declares resources becomes documents, or says where and why it does not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from pydantic import ValidationError

from podium.resources.kinds import API_VERSION, Agent, Places, WorkflowIdentity
from podium.resources.known import KINDS
from podium.resources.places import Tree, compose
from podium.resources.refusals import troubles_of
from podium.resources.schemas import schema_faults
from podium.resources.troubles import Trouble, did_you_mean, pointer, shown

Read = Callable[[str], bytes]
"""Gives the bytes of a file beside the manifest, by its relative path; raises OSError if it cannot."""

WORKFLOW_FIELDS = ("document", "input", "use", "do", "timeout", "output", "schedule", "evaluate")
"""What a workflow document may have at its top (workflow DSL 1.0.3)."""


@dataclass(frozen=True, slots=True)
class Document:
    """A resource that a text declares, whole and checked as far as it can be checked alone.

    Attributes:
        kind: one of `resources.known.KINDS`, or `Workflow`.
        name: the resource's name; `namespace/name` of a workflow.
        version: its semantic version.
        digest: `sha256:` and the hex digest of the canonical JSON of `spec`.
        spec: what `facts.catalog.VERSIONS` has for the kind, as JSON; of a workflow
            `{"namespace", "name", "version", "document"}`.
        file: what it was read from.
        tree: the document as written; places of a workflow's tasks come from it.
    """

    kind: str
    name: str
    version: str
    digest: str
    spec: dict[str, Any]
    file: str
    tree: Tree = field(repr=False, compare=False)

    def place(self, path: str, *, key: bool = False) -> tuple[int, int]:
        """Line and column, from 1, of what a JSON pointer into the document names, or of what is nearest.

        Args:
            path: JSON pointer, `/do/0/classify/call`.
            key: give the place of the key, not of its value.
        """
        return self.tree.place(path, key=key)


def read_text(
    text: bytes | str, file: str, folder: str, read: Read | None = None
) -> tuple[list[Document], list[Trouble]]:
    """The resources that a text declares, and the troubles with those it fails to declare. Never raises.

    Args:
        text: YAML 1.2 or JSON, with any number of documents.
        file: what to call it in troubles.
        folder: absolute folder that relative paths in it start from.
        read: gives the files that `input: schemas/ticket.json` names; without it such a name is refused.
    """
    trees, troubles = compose(text, file)
    documents = []
    for tree, sound in trees:
        document, more = document_of(tree, file, folder, read)
        troubles += more
        if document is not None and sound:
            documents.append(document)
    return documents, sorted(
        troubles, key=lambda trouble: (trouble.file != file, trouble.line, trouble.column)
    )


def document_of(
    tree: Tree, file: str, folder: str, read: Read | None = None
) -> tuple[Document | None, list[Trouble]]:
    """The resource that one document declares; None if there is any trouble with it."""
    value = tree.value
    if isinstance(value, dict) and ("apiVersion" in value or "kind" in value):
        return _resource(tree, file, folder, read)
    if isinstance(value, dict) and "document" in value:
        return _workflow(tree, file)
    return None, [_unknown_document(tree, file)]


def digest_of(spec: Any) -> str:
    """`sha256:` and the hex digest of the canonical JSON of a value."""
    return "sha256:" + hashlib.sha256(msgspec.json.encode(spec, order="deterministic")).hexdigest()


def _unknown_document(tree: Tree, file: str) -> Trouble:
    keys = [key for key in tree.value if isinstance(key, str)] if isinstance(tree.value, dict) else []
    guesses = (did_you_mean(key, ("apiVersion", "kind", "document")) for key in keys)
    message = (
        f"This declares nothing: a resource has `apiVersion: {API_VERSION}` and a `kind` "
        f"({', '.join(KINDS)}), a workflow has `document` at the top."
        + next((guess for guess in guesses if guess), "")
    )
    return Trouble("unknown-document", "", message, file, *tree.place(""))


# --- resources in Kubernetes shape ------------------------------------------------------------


def _resource(tree: Tree, file: str, folder: str, read: Read | None) -> tuple[Document | None, list[Trouble]]:
    troubles = _kind_troubles(tree, file)
    if troubles:
        return None, troubles
    kind = KINDS[tree.value["kind"]]
    value, troubles = _SchemaFiles(tree, file, read).resolve(kind.SCHEMAS)
    try:
        found = kind.model_validate(value)
    except ValidationError as error:
        return None, troubles + troubles_of(error, kind, tree, file)
    if isinstance(found, Agent):
        troubles += _repeated_capabilities(found, tree, file)
    if troubles:
        return None, troubles
    spec = found.normalised(folder)
    return Document(kind.KIND, found.name, found.version, digest_of(spec), spec, file, tree), []


def _kind_troubles(tree: Tree, file: str) -> list[Trouble]:
    """What is wrong with `apiVersion` and `kind`: until both are right, nothing else can be said."""
    found = []
    for name, known in (("apiVersion", (API_VERSION,)), ("kind", tuple(KINDS))):
        value = tree.value.get(name)
        if value in known and isinstance(value, str):
            continue
        if name not in tree.value:
            rule, message = "missing-field", f"`{name}` is missing; write `{name}: {known[0]}`."
        else:
            rule = "unknown-kind" if name == "kind" else "unknown-version"
            message = f"`{shown(value)}` is no {name} that is known; known: {', '.join(known)}."
            message += did_you_mean(str(value), known)
            if str(value).casefold() == "workflow":
                message += " A workflow is declared by a document with `document` at the top."
        found.append(Trouble(rule, f"/{name}", message, file, *tree.place(f"/{name}")))
    return found


def _repeated_capabilities(agent: Agent, tree: Tree, file: str) -> list[Trouble]:
    first: dict[str, int] = {}
    found = []
    for index, capability in enumerate(agent.spec.capabilities):
        if first.setdefault(capability.name, index) != index:
            path = f"/spec/capabilities/{index}/name"
            message = (
                f"The capability `{capability.name}` is offered twice; "
                f"the first is capabilities[{first[capability.name]}]."
            )
            found.append(Trouble("duplicate-capability", path, message, file, *tree.place(path)))
    return found


class _SchemaFiles:
    """Puts the schemas of a resource in place, from the files that are named, and checks them."""

    def __init__(self, tree: Tree, file: str, read: Read | None) -> None:
        self._tree = tree
        self._file = file
        self._read = read
        self._troubles: list[Trouble] = []

    def resolve(self, places: Places) -> tuple[Any, list[Trouble]]:
        """The document's value with every schema in place; only what had to change is copied."""
        value = self._tree.value
        for place in places:
            value = self._within(value, ("spec", *place), ())
        return value, self._troubles

    def _within(self, value: Any, place: tuple[str, ...], at: tuple[str | int, ...]) -> Any:
        """The value with the schema at a place in it resolved."""
        if not place:
            return self._schema(value, pointer(at))
        name, rest = place[0], place[1:]
        if name == "*":
            if not isinstance(value, list):
                return value
            return [self._within(item, rest, (*at, number)) for number, item in enumerate(value)]
        if not isinstance(value, dict) or name not in value:
            return value
        return {**value, name: self._within(value[name], rest, (*at, name))}

    def _schema(self, schema: Any, path: str) -> Any:
        if isinstance(schema, str):
            return self._from_file(schema, path)
        if schema is not None:
            self._check(schema, path, self._tree, self._file, path)
        return schema

    def _from_file(self, name: str, path: str) -> Any:
        trees = self._trees(name, path)
        if trees is None:
            return None
        file = name if name.startswith("/") else _beside(self._file, name)
        if len(trees) != 1:
            self._refuse(path, f"`{shown(name)}` holds {len(trees)} documents; a schema is exactly one.")
            return None
        self._check(trees[0].value, "", trees[0], file, path)
        return trees[0].value

    def _trees(self, name: str, path: str) -> list[Tree] | None:
        if not name.endswith((".json", ".yaml", ".yml")) or self._read is None or "\0" in name:
            why = "write an object, true or false, or the path of a .json or .yaml file beside the manifest"
            self._refuse(path, f"`{shown(name)}` is no schema: {why}.")
            return None
        try:
            text = self._read(name)
        except OSError as error:
            self._refuse(path, f"The schema file `{shown(name)}` cannot be read: {error.strerror or error}.")
            return None
        trees, troubles = compose(text, _beside(self._file, name))
        self._troubles += troubles
        return None if troubles else [tree for tree, _ in trees]

    def _check(self, schema: Any, start: str, tree: Tree, file: str, path: str) -> None:
        for fault in schema_faults(schema):
            place = tree.place(start + fault.path)
            shown_path = path + fault.path if file == self._file else fault.path
            self._troubles.append(Trouble("schema", shown_path, fault.message, file, *place))

    def _refuse(self, path: str, message: str) -> None:
        self._troubles.append(Trouble("schema-file", path, message, self._file, *self._tree.place(path)))


def _beside(file: str, name: str) -> str:
    folder, slash, _ = file.rpartition("/")
    return name if name.startswith("/") else folder + slash + name.removeprefix("./")


# --- workflows --------------------------------------------------------------------------------


def _workflow(tree: Tree, file: str) -> tuple[Document | None, list[Trouble]]:
    """A workflow by its identity; whether its tasks mean anything is for the compiler to say."""
    troubles = [
        Trouble(
            "unknown-field",
            pointer([key]),
            f"`{shown(key)}` is not a field of a workflow; known: {', '.join(WORKFLOW_FIELDS)}."
            + did_you_mean(key, WORKFLOW_FIELDS),
            file,
            *tree.place(pointer([key]), key=True),
        )
        for key in tree.value
        if key not in WORKFLOW_FIELDS
    ]
    try:
        identity = WorkflowIdentity.model_validate(tree.value["document"])
    except ValidationError as error:
        return None, troubles + troubles_of(error, WorkflowIdentity, tree, file, ["document"])
    if troubles:
        return None, troubles
    spec = {**identity.model_dump(), "document": tree.value}
    name = f"{identity.namespace}/{identity.name}"
    return Document("Workflow", name, identity.version, digest_of(spec), spec, file, tree), []
