"""Places: text becomes values that know the line and column they were written at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
)
from ruamel.yaml.reader import ReaderError

from podium.resources.troubles import Trouble, parts_of, pointer, shown

TEXT_BYTES_MAX = 4 * 1024 * 1024
"""A text larger than this is refused; so is one whose aliases make it larger."""
DEPTH_MAX = 700
"""Objects and lists nest no deeper than this."""

_EMPTY: Mapping[Any, Any] = {}


@dataclass(slots=True)
class Tree:
    """A value, the place it was written at, and the same for everything inside it.

    Attributes:
        value: the JSON value.
        line: where the value starts, from 1.
        column: likewise, from 1.
        block: whether it is an object or a list in block style, whose start is its first member's, or empty,
            so that it starts with whatever comes next.
        children: trees of the members, by key or index.
        keys: places of an object's keys.
        weight: characters and values in it, aliases counted as often as they are used.
        depth: objects and lists that nest in it, itself counted if it is one.
    """

    value: Any
    line: int
    column: int
    block: bool = False
    children: Mapping[str | int, Tree] = field(default_factory=lambda: _EMPTY)
    keys: Mapping[str, tuple[int, int]] = field(default_factory=lambda: _EMPTY)
    weight: int = 1
    depth: int = 0

    def place(self, path: str, *, key: bool = False) -> tuple[int, int]:
        """Line and column of what a JSON pointer names, or of the nearest thing around it that exists.

        Args:
            path: JSON pointer from here.
            key: give the place of the key, not of the value.
        """
        tree, at = self, (self.line, self.column)
        for part in parts_of(path):
            step: str | int = int(part) if isinstance(tree.value, list) and part.isdecimal() else part
            child = tree.children.get(step)
            if child is None:
                break
            key_at = tree.keys.get(part)
            tree, at = child, (child.line, child.column)
            if key_at is not None and (key or child.block):
                at = key_at
        return at


class _Abort(Exception):
    """The rest of the text cannot be read."""

    def __init__(self, trouble: Trouble) -> None:
        self.trouble = trouble


def compose(text: bytes | str, file: str) -> tuple[list[tuple[Tree, bool]], list[Trouble]]:
    """The documents of a YAML 1.2 (or JSON) text, each with whether it is sound, and what troubles there are.

    A document with a fault that does not hide the rest of it (a key given twice) is there too, so that its
    other troubles can be told; it is not sound. Nothing is ever raised.
    """
    found: list[tuple[Tree, bool]] = []
    troubles: list[Trouble] = []
    try:
        _read(_prepared(text, file), file, found, troubles)
    except _Abort as abort:
        troubles.append(abort.trouble)
    return found, troubles


def _read(text: str, file: str, found: list[tuple[Tree, bool]], troubles: list[Trouble]) -> None:
    composer = _Composer(file, troubles)
    before = 0
    for event in _events(text, file):
        composer.take(event)
        if isinstance(event, DocumentEndEvent):
            if composer.root is not None and composer.root.value is not None:
                found.append((composer.root, len(troubles) == before))
            before = len(troubles)


def _prepared(text: bytes | str, file: str) -> str:
    """The text as characters, within bounds, and as the YAML reader likes it."""
    if len(text) > TEXT_BYTES_MAX:
        message = f"The text has {len(text):,} bytes; at most {TEXT_BYTES_MAX:,} are read. Split it."
        raise _Abort(Trouble("too-large", "", message, file))
    if isinstance(text, bytes):
        text = _decoded(text, file)
    text = text.removeprefix("\ufeff")
    if "\t" in text and text.lstrip()[:1] in ("{", "[") and _is_json(text):
        # YAML takes no tab before a token, JSON does; inside its strings JSON has none.
        text = text.replace("\t", " ")
    return text


def _decoded(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        message = (
            f"Byte {error.start} (0x{data[error.start]:02x}) is not UTF-8, as the text must be; save it so."
        )
        raise _Abort(Trouble("not-utf-8", "", message, file, *_place_at(before, len(before)))) from None


def _place_at(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1, index - (text.rfind("\n", 0, index) + 1) + 1


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False
    return True


# --- what the YAML reader says --------------------------------------------------------------------

_PLAIN_WORDS = (
    (re.compile(r"character '\\t'"), "A tab stands where only spaces may; indent with spaces."),
    (
        re.compile(r"mapping values are not allowed here"),
        "A `:` stands where none may: the line is indented wrongly, or its text holds `: ` and needs quotes.",
    ),
    (
        re.compile(r"expected <block end>"),
        "This line does not fit the ones above: it is indented differently, or mixes a list with an object.",
    ),
    (
        re.compile(r"could not find expected ':'"),
        "A `:` is missing after a key, or the text above needs quotes.",
    ),
    (re.compile(r"incompatible YAML document"), "The `%YAML` line asks for a version other than 1.2."),
)


def _events(text: str, file: str) -> Iterator[Any]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        raise _Abort(_syntax_trouble(error, file)) from None
    except ReaderError as error:
        at = min(int(error.position), len(text) - 1)
        message = f"The character U+{ord(text[at]):04X} cannot stand in YAML; remove or escape it."
        raise _Abort(Trouble("yaml-syntax", "", message, file, *_place_at(text, at))) from None
    except _Abort:
        raise
    except Exception as error:
        # The reader lets plain exceptions out for some malformed texts; they too get an answer.
        message = f"The text is not YAML that can be read ({type(error).__name__}: {shown(error)})."
        raise _Abort(Trouble("yaml-syntax", "", message, file)) from None


def _syntax_trouble(error: MarkedYAMLError, file: str) -> Trouble:
    mark = error.problem_mark or error.context_mark
    if _is_tag(error):
        mark = error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
    return Trouble("yaml-syntax", "", _in_plain_words(error), file, line, column)


def _in_plain_words(error: MarkedYAMLError) -> str:
    problem = str(error.problem or "")
    start = error.context_mark
    if start is not None and "end" in problem and "stream" in problem:
        return f"What starts in line {start.line + 1} is never closed; a quote or bracket is missing."
    for pattern, words in _PLAIN_WORDS:
        if pattern.search(problem):
            return words
    if _is_tag(error):
        return "A `!` begins a tag here, and tags are not read; put text that begins with `!` in quotes."
    context = f", {error.context}" if error.context else ""
    return f"Not YAML: {shown(problem, 100)}{shown(context, 100)}."


def _is_tag(error: MarkedYAMLError) -> bool:
    """Whether it is about a tag; what is wrong begins where that does, not where it is found out."""
    return "a tag" in str(error.context or "")


# --- events to trees ------------------------------------------------------------------------------

_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEAN = {
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_DECIMAL = re.compile(r"[-+]?[0-9]+", re.ASCII)
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_NOT_JSON = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_TEXT_TAGS = frozenset(("!", "tag:yaml.org,2002:str"))
_COLLECTION_TAGS = frozenset(("!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"))


@dataclass(slots=True)
class _Open:
    """An object or list whose end has not been read. `key` is the one whose value comes next."""

    tree: Tree
    children: dict[str | int, Tree]
    keys: dict[str, tuple[int, int]]
    anchor: str | None
    key: str | None = None
    key_at: tuple[int, int] = (0, 0)
    is_object: bool = False


class _Composer:
    """Builds the tree of one document after the other from the reader's events, without recursion."""

    def __init__(self, file: str, troubles: list[Trouble]) -> None:
        self.file = file
        self.troubles = troubles
        self.begin()

    def begin(self) -> None:
        self.root: Tree | None = None
        self._stack: list[_Open] = []
        self._anchors: dict[str, Tree | None] = {}
        self._weight = 0

    def take(self, event: Any) -> None:
        if isinstance(event, ScalarEvent):
            self._add(self._scalar(event), event.anchor, event.value)
        elif isinstance(event, AliasEvent):
            self._add(self._alias(event), None, None)
        elif isinstance(event, CollectionStartEvent):
            self._open(event)
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._close()
        elif isinstance(event, DocumentStartEvent):
            self.begin()
            if event.version is not None and tuple(event.version) != (1, 2):
                self._trouble(event, "yaml-version", "Only YAML 1.2 is read; remove the `%YAML` line.")

    def _open(self, event: CollectionStartEvent) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        self._check_depth(1, (line, column))
        if event.tag is not None and str(event.tag) not in _COLLECTION_TAGS:
            self._refuse_tag(event)
        is_object = isinstance(event, MappingStartEvent)
        children: dict[str | int, Tree] = {}
        keys: dict[str, tuple[int, int]] = {}
        tree = Tree({} if is_object else [], line, column, not event.flow_style, children, keys, depth=1)
        self._weigh(1, line, column)
        self._stack.append(_Open(tree, children, keys, event.anchor, is_object=is_object))
        if event.anchor is not None:
            self._anchors[event.anchor] = None

    def _close(self) -> None:
        closed = self._stack.pop()
        self._add(closed.tree, closed.anchor, None)

    def _add(self, tree: Tree, anchor: str | None, text: str | None) -> None:
        """A whole value was read: it belongs to what is open, as a key, a member or an item."""
        if anchor is not None:
            self._anchors[anchor] = tree
        if not self._stack:
            self.root = tree
            return
        parent = self._stack[-1]
        parent.tree.weight += tree.weight
        parent.tree.depth = max(parent.tree.depth, tree.depth + 1)
        if not parent.is_object:
            parent.children[len(parent.tree.value)] = tree
            parent.tree.value.append(tree.value)
        elif parent.key is None:
            parent.key = self._key(tree, text)
            parent.key_at = (tree.line, tree.column)
        else:
            self._add_member(parent, parent.key, tree)
            parent.key = None

    def _add_member(self, parent: _Open, key: str, tree: Tree) -> None:
        if key in parent.keys:
            first, _ = parent.keys[key]
            message = f"`{shown(key)}` is given twice: first in line {first}, again here; remove one."
            self._trouble_at(parent.key_at, "duplicate-key", message)
            return
        parent.children[key] = tree
        parent.keys[key] = parent.key_at
        parent.tree.value[key] = tree.value

    def _key(self, tree: Tree, text: str | None) -> str:
        at = (tree.line, tree.column)
        if text is None:
            self._trouble_at(at, "key", "A key must be plain text, not an object, a list or an alias.")
            return ""
        if text == "<<":
            self._trouble_at(at, "merge-key", "YAML 1.2 has no merge key `<<`; write the members out.")
        return tree.value if isinstance(tree.value, str) else text

    def _alias(self, event: AliasEvent) -> Tree:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        target = self._anchors.get(event.anchor)
        if target is None:
            around = event.anchor in self._anchors
            message = (
                f"`*{shown(event.anchor)}` stands inside its own anchor, so it would never end."
                if around
                else f"`*{shown(event.anchor)}` names an anchor that is not set above; write `&name` there."
            )
            self._trouble_at((line, column), "alias", message)
            return Tree(None, line, column)
        self._weigh(target.weight, line, column)
        self._check_depth(target.depth, (line, column))
        return replace(target, line=line, column=column, block=False)

    def _scalar(self, event: ScalarEvent) -> Tree:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        weight = 1 + len(event.value)
        self._weigh(weight, line, column)
        if event.tag is not None:
            if str(event.tag) not in _TEXT_TAGS:
                self._refuse_tag(event)
            value: Any = self._text(event)
        elif event.implicit[0]:
            value = self._plain(event)
        else:
            value = self._text(event)
        return Tree(value, line, column, block=value is None and not event.value, weight=weight)

    def _plain(self, event: ScalarEvent) -> Any:
        """The value of an unquoted scalar by the core schema of YAML 1.2."""
        text = event.value
        if text in _NULL:
            return None
        if text in _BOOLEAN:
            return _BOOLEAN[text]
        if text[0] not in "+-.0123456789":
            return self._text(event)
        if _DECIMAL.fullmatch(text) or _BASED.fullmatch(text):
            return self._integer(event, text)
        if _FLOAT.fullmatch(text):
            return self._float(event, text)
        if _NOT_JSON.fullmatch(text):
            self._trouble(event, "number", f"`{text}` is no number that JSON has; quote it if it is text.")
        return self._text(event)

    def _integer(self, event: ScalarEvent, text: str) -> int:
        number = int(text, 0 if text[1:2] in ("o", "x") else 10) if len(text) <= 40 else 2**64
        if -(2**63) <= number < 2**64:
            return number
        self._trouble(event, "number", f"{shown(text)} does not fit 64 bits; quote it if it is text.")
        return 0

    def _float(self, event: ScalarEvent, text: str) -> float:
        number = float(text)
        if number - number == 0:
            return number
        self._trouble(event, "number", f"{shown(text)} is too large for a number; quote it if it is text.")
        return 0.0

    def _text(self, event: ScalarEvent) -> str:
        """The text of a scalar, with JSON's escaped surrogate pairs joined."""
        text = str(event.value)
        if text.isascii():
            return text
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self._trouble(
                event, "not-unicode", "The text holds half of a surrogate pair; write the whole character."
            )
            return ""

    def _refuse_tag(self, event: NodeEvent) -> None:
        tag = shown(str(event.tag))  # type: ignore[attr-defined]
        self._trouble(
            event, "yaml-tag", f"Tags such as `{tag}` are not read; put it in quotes if it is text."
        )

    def _check_depth(self, more: int, at: tuple[int, int]) -> None:
        if len(self._stack) + more > DEPTH_MAX:
            self._abort(at, "too-deep", f"Objects and lists nest deeper than {DEPTH_MAX} levels here.")

    def _weigh(self, weight: int, line: int, column: int) -> None:
        self._weight += weight
        if self._weight > TEXT_BYTES_MAX + 1:
            self._abort((line, column), "too-large", "The aliases repeat too much; write less, or split it.")

    def _path(self) -> str:
        """JSON pointer to what is being read: a member whose key is known, an item, or what is around."""
        parts: list[str | int] = []
        for level in self._stack:
            if level.is_object and level.key is None:
                break
            parts.append(len(level.tree.value) if level.key is None else level.key)
        return pointer(parts)

    def _trouble(self, event: Any, rule: str, message: str) -> None:
        self._trouble_at((event.start_mark.line + 1, event.start_mark.column + 1), rule, message)

    def _trouble_at(self, at: tuple[int, int], rule: str, message: str) -> None:
        self.troubles.append(Trouble(rule, self._path(), message, self.file, *at))

    def _abort(self, at: tuple[int, int], rule: str, message: str) -> NoReturn:
        raise _Abort(Trouble(rule, self._path(), message, self.file, *at))
