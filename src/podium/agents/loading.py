"""Finding the callable of a function agent: where it stands, whether it is async, and its import."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.machinery
import importlib.util
import sys
import threading
import traceback
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import podium
from podium.agents.interface import AttemptFailed
from podium.facts.catalog import AgentVersion

_importing: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
"""A lock for each module: an import that never ends holds up nobody but those who want the same."""
_NOT_THEIRS = (str(Path(podium.__file__).parent), str(Path(importlib.__file__).parent), "<frozen importlib")
"""Files whose frames tell the author of an agent nothing."""


class Place:
    """Where the callable of an agent is to be found.

    Attributes:
        module: dotted name of its module.
        name: its qualified name in that module.
        roots: absolute folders that the module is looked for in, before the interpreter's own.
    """

    __slots__ = ("module", "name", "roots")

    def __init__(self, module: str, name: str, roots: list[str]) -> None:
        self.module = module
        self.name = name
        self.roots = roots

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"


def place_of(agent: AgentVersion) -> Place:
    """The place that `runtime.callable` and `runtime.python_path` name.

    Raises:
        AttemptFailed: the callable is not written as `module:name`.
    """
    text = str(agent.runtime.get("callable", ""))
    module, colon, name = text.partition(":")
    if not (module and colon and name):
        raise misconfigured(agent, f"runtime.function.callable is {text!r}; write it as module:name")
    folder = Path(agent.folder or ".").absolute()
    entries = agent.runtime.get("python_path") or ()
    roots = [str((folder / entry).resolve()) for entry in entries] + [str(folder)]
    return Place(module, name, list(dict.fromkeys(roots)))


def is_plainly_async(place: Place) -> bool:
    """Whether the source says `async def` of the callable. Nothing is imported to find out."""
    source = source_of(place)
    return source is not None and _defines_async(source, place.name, place.roots, 3)


def code_of(agent: AgentVersion) -> str:
    """The digest of the code of an agent, as far as it is one file: its module, or what its command names.

    "" where that is not known.
    """
    file = _code_file(agent)
    if file is None:
        return ""
    try:
        return "sha256:" + hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def _code_file(agent: AgentVersion) -> Path | None:
    runtime = agent.runtime
    if runtime.get("type") == "function":
        return source_of(place_of(agent))
    cwd = Path(agent.folder or ".", str(runtime.get("cwd") or ""))
    words = (cwd / str(word) for word in runtime.get("command") or ())
    return next((word for word in words if word.is_file()), None)


def source_of(place: Place) -> Path | None:
    """The file of the module, or None if it has no source or is not there."""
    return _find(place.module, place.roots)


def _find(module: str, roots: list[str]) -> Path | None:
    parts = module.split(".")
    for root in (*roots, *sys.path):
        base = Path(root or ".").joinpath(*parts)
        for file in (base.with_name(base.name + ".py"), base / "__init__.py"):
            if file.is_file():
                return file
    return None


def _defines_async(source: Path, name: str, roots: list[str], hops: int) -> bool:
    body = _statements(source)
    head, *rest = name.split(".")
    for part in rest:
        scope = next((s for s in body if isinstance(s, ast.ClassDef) and s.name == head), None)
        if scope is None:
            return False
        body, head = scope.body, part
    for statement in reversed(body):
        if isinstance(statement, ast.AsyncFunctionDef) and statement.name == head:
            return True
        if isinstance(statement, ast.FunctionDef | ast.ClassDef) and statement.name == head:
            return False
        if isinstance(statement, ast.ImportFrom) and hops:
            for alias in statement.names:
                if (alias.asname or alias.name) == head:
                    origin = _imported_from(source, statement, roots)
                    return origin is not None and _defines_async(origin, alias.name, roots, hops - 1)
    return False


def _statements(source: Path) -> list[ast.stmt]:
    """The statements of a module; none if they cannot be read, which its import will explain."""
    for _ in range(5):
        try:
            return ast.parse(source.read_bytes(), str(source)).body
        except SystemError:
            # Another thread parsed at the same time; see `tail_of`.
            continue
        except (SyntaxError, ValueError, OSError, RecursionError, MemoryError):
            break
    return []


def _imported_from(source: Path, statement: ast.ImportFrom, roots: list[str]) -> Path | None:
    if not statement.level:
        return _find(statement.module or "", roots)
    package = source.parents[statement.level - 1]
    return _find(statement.module, [str(package)]) if statement.module else package / "__init__.py"


def load(agent: AgentVersion, place: Place, *, shared: bool) -> Callable[..., Any]:
    """Import the callable.

    Args:
        shared: the process is shared with other agents. The module is then imported under a name of
            its own, so that two folders may each have an `agents.py`; the folder joins the end of
            nothing but `sys.path`, and what the module imports beside itself is shared by name.
            In a process of its own the module keeps its plain name.
    Raises:
        AttemptFailed: kind `configuration`, unstarted: no such module, no such name, not callable, or
            its import failed (the detail then holds the end of the traceback).
    """
    try:
        module = _import_shared(place) if shared else _import_plain(place)
    except ModuleNotFoundError as error:
        top = place.module.partition(".")[0]
        if error.name is not None and (place.module == error.name or error.name == top):
            raise misconfigured(
                agent, f"there is no module {place.module!r}", "Looked in " + ", ".join(place.roots)
            ) from None
        raise misconfigured(agent, f"importing {place.module!r} failed: {error}", tail_of(error)) from None
    except BaseException as error:
        title = f"importing {place.module!r} failed: {type(error).__name__}: {error}"
        raise misconfigured(agent, title, tail_of(error)) from None
    found: Any = module
    for part in place.name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        what = "is not callable" if found is not None else "is not there"
        where = getattr(module, "__file__", None) or place.module
        raise misconfigured(agent, f"{place} {what}", f"Looked in {where}")
    return found  # type: ignore[no-any-return]


def _import_plain(place: Place) -> ModuleType:
    for root in reversed(place.roots):
        if root not in sys.path:
            sys.path.insert(0, root)
    return importlib.import_module(place.module)


def _import_shared(place: Place) -> ModuleType:
    top, _, rest = place.module.partition(".")
    for root in place.roots:
        spec = importlib.machinery.PathFinder.find_spec(top, [root])
        if spec is None:
            continue
        unique = f"podium_agent_{hashlib.sha256(root.encode()).hexdigest()[:12]}_{top}"
        with _importing[unique]:
            if root not in sys.path:
                sys.path.insert(0, root)
            if unique not in sys.modules:
                _execute(unique, spec)
            return importlib.import_module(f"{unique}.{rest}" if rest else unique)
    return importlib.import_module(place.module)


def _execute(name: str, found: importlib.machinery.ModuleSpec) -> None:
    """Import what was found as `name` under another name, packages included."""
    if found.origin is None or found.loader is None:
        module = ModuleType(name)
        module.__path__ = list(found.submodule_search_locations or ())
        sys.modules[name] = module
        return
    spec = importlib.util.spec_from_file_location(
        name, found.origin, submodule_search_locations=found.submodule_search_locations
    )
    assert spec is not None and spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def tail_of(error: BaseException, lines: int = 12) -> str:
    """The last lines of an error's traceback, as text, without the frames that are ours or the importer's.

    Made by hand: the standard formatter parses source to place its carets, and on some interpreters two
    threads that parse at the same time break each other.
    """
    frames = [
        f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}\n    {frame.line}'
        for frame in traceback.extract_tb(error.__traceback__)[-100:]
        if not frame.filename.startswith(_NOT_THEIRS)
    ]
    try:
        words = "".join(traceback.format_exception_only(type(error), error))
    except Exception:
        words = f"{type(error).__name__} (its own text cannot be had)"
    cause = error.__cause__
    caused = f"\ncaused by {type(cause).__name__}: {_text_of(cause)}" if cause is not None else ""
    return "\n".join(
        ("\n".join(frames[-6:]) + "\n" + words.strip() + caused).strip("\n").splitlines()[-lines:]
    )


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return ""


def misconfigured(agent: AgentVersion, title: str, detail: str = "") -> AttemptFailed:
    """The failure of an attempt whose agent is declared wrongly."""
    return AttemptFailed(
        f"agent {agent.name}@{agent.version}: {title}",
        detail,
        retryable=False,
        unstarted=True,
        kind="configuration",
    )


def raised(error: BaseException) -> AttemptFailed:
    """The failure of an attempt whose callable raised `error`.

    An exception with an attribute `retryable` that is False asks for no further attempt.
    """
    text = _text_of(error)
    title = f"{type(error).__name__}: {text}" if text else type(error).__name__
    retryable = getattr(error, "retryable", True) is not False
    return AttemptFailed(title.splitlines()[0][:500], tail_of(error), retryable=retryable)
