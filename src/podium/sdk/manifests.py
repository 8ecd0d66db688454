"""Manifests on disk: files and folders become documents, and problems with their place."""

from __future__ import annotations

import errno
import importlib
import os
import re
import stat
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import msgspec

from podium.facts.catalog import Declared
from podium.facts.values import Problem
from podium.resources.manifest import Document, document_of, read_text
from podium.resources.places import TEXT_BYTES_MAX, Tree
from podium.resources.troubles import Trouble, shown
from podium.sdk.agent import declared

if TYPE_CHECKING:
    from podium.sdk.flow import Workflow

MANIFESTS = (".yaml", ".yml", ".json")
"""How the names of manifests end."""
PYTHON = ("agents.py", "tools.py", "workflows.py")
"""The Python files of a folder that are looked into for decorated functions and workflows."""

_FOLDERS_LEFT_OUT = frozenset(("__pycache__", "node_modules", "site-packages"))
_WORKFLOW = re.compile(rb"""^(--- +)?(\{\s*)?["']?document["']?\s*:""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was found.

    Attributes:
        documents: every resource that is declared without a problem, in the order of the paths.
        problems: why others are not; nothing should be applied while there are any.
    """

    documents: tuple[Document, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def resources(self) -> tuple[Declared, ...]:
        """The documents as the hub takes them."""
        return tuple(Declared(d.kind, d.name, d.version, d.digest, d.spec) for d in self.documents)


@dataclass(frozen=True, slots=True)
class _Source:
    """A file to read; `asked_for` by its own name, or found in a folder."""

    path: Path
    asked_for: bool


def load(paths: Sequence[Path]) -> Loaded:
    """Read what files and folders declare; raises nothing.

    A file is a manifest or a Python file with decorated functions. Of a folder all manifests count, in its
    folders too, and each `agents.py`; hidden folders, and files that declare nothing, are passed over.
    A Python file is imported, which runs it.
    """
    documents: list[Document] = []
    troubles: list[Trouble] = []
    for source in _sources(paths, troubles):
        found, more = _read_python(source) if source.path.suffix == ".py" else _read_manifest(source)
        documents += found
        troubles += more
    kept = _without_repeats(documents, troubles)
    return Loaded(tuple(kept), tuple(_problem(trouble) for trouble in troubles))


def _problem(trouble: Trouble) -> Problem:
    return Problem(trouble.rule, trouble.path, trouble.message, trouble.file, trouble.line, trouble.column)


# --- which files ------------------------------------------------------------------------------


def _sources(paths: Sequence[Path], troubles: list[Trouble]) -> Iterator[_Source]:
    seen: set[str] = set()
    for path in paths:
        for source in _sources_of(path, troubles):
            resolved = os.path.realpath(source.path)
            if resolved not in seen:
                seen.add(resolved)
                yield source


def _sources_of(path: Path, troubles: list[Trouble]) -> Iterator[_Source]:
    if path.is_dir():
        yield from (_Source(file, False) for file in _files_in(path, troubles))
    elif path.suffix in (*MANIFESTS, ".py"):
        yield _Source(path, True)
    elif path.exists():
        known = ", ".join((*MANIFESTS, ".py"))
        troubles.append(
            Trouble("file", "", f"`{path}` is no manifest by its name; known endings: {known}.", str(path))
        )
    else:
        troubles.append(Trouble("file", "", f"There is no `{path}`.", str(path)))


def _files_in(folder: Path, troubles: list[Trouble]) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        troubles.append(_unreadable(Path(error.filename or folder), error))

    for root, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _FOLDERS_LEFT_OUT)
        if "pyvenv.cfg" in files:
            folders.clear()
            continue
        for name in sorted(files):
            if name in PYTHON or (name.endswith(MANIFESTS) and not name.startswith(".")):
                yield Path(root, name)


# --- manifests --------------------------------------------------------------------------------


def _read_manifest(source: _Source) -> tuple[list[Document], list[Trouble]]:
    path = source.path
    try:
        text = _bytes_of(path)
    except OSError as error:
        return [], [_unreadable(path, error)]
    if not source.asked_for and not _may_declare(path, text):
        return [], []
    folder = path.absolute().parent
    documents, troubles = read_text(
        text, str(path), os.path.normpath(folder), lambda name: _bytes_of(folder / name)
    )
    if not source.asked_for:
        troubles = [trouble for trouble in troubles if trouble.rule != "unknown-document"]
    elif not documents and not troubles:
        troubles = [Trouble("empty", "", "The file declares nothing: it is empty.", str(path), 1, 1)]
    return documents, troubles


def _may_declare(path: Path, text: bytes) -> bool:
    """Whether a file that nobody named could declare something: other programs have manifests too."""
    if b"podium" in text:
        return True
    if path.suffix != ".json":
        return _WORKFLOW.search(text) is not None
    try:
        value = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "document" in value


def _bytes_of(path: Path) -> bytes:
    """The file's bytes; of one that is too large only so many that its size is refused.

    Raises:
        OSError: it cannot be read, or it is a pipe or a device, which might keep us waiting for ever.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    with path.open("rb") as file:
        return file.read(TEXT_BYTES_MAX + 1)


def _unreadable(path: Path, error: OSError) -> Trouble:
    return Trouble("file", "", f"`{path}` cannot be read: {error.strerror or error}.", str(path))


# --- Python -----------------------------------------------------------------------------------


def _read_python(source: _Source) -> tuple[list[Document], list[Trouble]]:
    path = source.path
    try:
        text = _bytes_of(path)
    except OSError as error:
        return [], [_unreadable(path, error)]
    if not source.asked_for and b"podium" not in text:
        return [], []
    try:
        module = _imported(path.resolve())
    except (Exception, SystemExit) as error:
        return [], [_import_trouble(path, error)]
    documents, troubles = declared(module)
    for workflow in _workflows(module):
        document, more = document_of(Tree(workflow.document(), 1, 1), str(path), str(path.resolve().parent))
        documents += [document] if document is not None else []
        troubles += more
    if source.asked_for and not documents and not troubles:
        message = (
            f"`{path}` declares nothing; put `@agent(...)` before a function, or make a `flow.Workflow`."
        )
        troubles = [Trouble("empty", "", message, str(path), 1, 1)]
    return documents, troubles


def load_module(target: str) -> Loaded:
    """What a module declares that can be imported, `module`, or what it has by a name, `module:agents`.

    That may be one decorated function or several, in a list or a tuple. Raises nothing.
    """
    name, _, attribute = target.partition(":")
    try:
        module = importlib.import_module(name)
        if attribute:
            module = _holding(module, getattr(module, attribute))
    except (Exception, SystemExit) as error:
        message = f"`{target}` cannot be imported: {type(error).__name__}: {shown(str(error), 200)}."
        return Loaded((), (Problem("import", "", message),))
    documents, troubles = declared(module)
    return Loaded(tuple(documents), tuple(_problem(trouble) for trouble in troubles))


def _holding(module: ModuleType, value: object) -> ModuleType:
    """A module that holds just this of another."""
    if isinstance(value, ModuleType):
        return value
    holder = ModuleType(module.__name__)
    holder.__file__ = module.__file__
    functions = value if isinstance(value, (list, tuple)) else [value]
    vars(holder).update({f"function_{number}": one for number, one in enumerate(functions)})
    return holder


def _workflows(module: ModuleType) -> list[Workflow]:
    """The workflows that a module holds at its top, in order."""
    # Whoever made one has imported this; nobody else should wait for it.
    flow = sys.modules.get("podium.sdk.flow")
    values = vars(module).values() if flow is not None else ()
    return [value for value in values if flow is not None and isinstance(value, flow.Workflow)]


def _imported(path: Path) -> ModuleType:
    """The module that a file holds, imported by the name it has for its neighbours.

    Another folder's module of the same name is set aside meanwhile, and is back in its place afterwards.
    """
    name, root = _module_name(path)
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    top = name.partition(".")[0]
    aside = {key: module for key, module in sys.modules.items() if key == top or key.startswith(top + ".")}
    for key in aside:
        del sys.modules[key]
    sys.path.insert(0, root)
    try:
        importlib.invalidate_caches()
        return importlib.import_module(name)
    finally:
        sys.path.remove(root)
        sys.modules.update(aside)


def _module_name(path: Path) -> tuple[str, str]:
    """The dotted name of a file's module, and the folder that its import starts from."""
    parts = [] if path.stem == "__init__" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts), str(folder)


def _import_trouble(path: Path, error: BaseException) -> Trouble:
    line, column = 0, 0
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).name == path.name:
        line, column = error.lineno or 0, error.offset or 0
    else:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if Path(frame.filename).resolve() == path.resolve()]
        line = (own[-1].lineno or 0) if own else 0
    message = f"`{path}` cannot be imported: {type(error).__name__}: {shown(str(error), 200)}."
    return Trouble("import", "", message, str(path), line, column)


# --- all together -----------------------------------------------------------------------------


def _without_repeats(documents: list[Document], troubles: list[Trouble]) -> list[Document]:
    """Each resource once; the same name and version with another content is a trouble."""
    first: dict[tuple[str, str, str], Document] = {}
    for document in documents:
        known = first.setdefault((document.kind, document.name, document.version), document)
        if known.digest != document.digest:
            message = (
                f"{document.kind} {document.name} {document.version} is declared differently in {known.file} "
                f"(line {known.place('')[0]}); give it another version, or remove one."
            )
            troubles.append(Trouble("duplicate-resource", "", message, document.file, *document.place("")))
    return list(first.values())
