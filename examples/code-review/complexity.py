"""Complexity: which files and functions are hard to follow."""

from __future__ import annotations

import ast
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measure import branches_in, branches_of, functions_of
from sources import Selection, Source, is_test, read, select

FILES_MAX = 1_000
FUNCTIONS_MAX = 60
TIME_MAX_S = 90
"""Files not reached by then are left out, and the report says how many."""
_BANDS = {"0-5": 5, "6-15": 15, "16-25": 25, "26-50": 50, "over 50": sys.maxsize}


class UnparsableFiles(Exception):
    """Some files are no Python that this interpreter can parse."""


@dataclass(slots=True)
class _Found:
    files: list[dict[str, Any]] = field(default_factory=list)
    functions: list[dict[str, Any]] = field(default_factory=list)
    unparsable: list[dict[str, Any]] = field(default_factory=list)
    seen: int = 0

    def is_broken(self) -> bool:
        """Whether a file does not parse that should: what tests work on may be wrong on purpose."""
        return any(file["role"] != "fixture" for file in self.unparsable)


def complexity(
    root: str, out: str = "", skip_unparsable: bool = False, context: Any = None
) -> dict[str, Any]:
    """Measure every file of code under a folder; functions only outside the tests.

    Args:
        root: absolute path of the folder.
        out: absolute path of a folder that is left out.
        skip_unparsable: measure the rest where a file does not parse, and name it in `unparsable`.
        context: of the attempt, for progress.
    Returns:
        What `schemas/complexity.yaml` describes.
    Raises:
        UnparsableFiles: a file does not parse, and is not to be skipped. Its text names the files.
    """
    started = time.monotonic()
    selection = select(Path(root), Path(out) if out else None)
    sources = [source for source in selection.files if source.is_code and source.readable]
    found = _Found()
    for source in sources:
        if time.monotonic() > started + TIME_MAX_S:
            break
        _look_at(selection, source, found, measure=skip_unparsable or not found.is_broken())
        found.seen += 1
        if found.seen % 200 == 0 and context is not None:
            context.progress({"measured": found.seen, "of": len(sources)})
    if found.is_broken() and not skip_unparsable:
        raise UnparsableFiles(_named([file for file in found.unparsable if file["role"] != "fixture"]))
    found.functions.sort(key=lambda entry: (-entry["cognitive"], entry["path"], entry["line"]))
    found.files.sort(key=lambda file: (-file["complexity"], file["path"]))
    return {
        "files": found.files[:FILES_MAX],
        "files_total": len(sources),
        "seen": found.seen,
        "functions": found.functions[:FUNCTIONS_MAX],
        "functions_total": len(found.functions),
        "spread": _spread(found.functions),
        "unparsable": found.unparsable,
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "took_ms": int((time.monotonic() - started) * 1000),
    }


def _look_at(selection: Selection, source: Source, found: _Found, *, measure: bool) -> None:
    try:
        text = read(selection.root, source.path)
    except OSError:
        return
    if source.path.endswith(".py"):
        try:
            tree = _parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            found.unparsable.append(_unparsable(source, error))
            return
        if measure:
            _measure(source, tree, text, found)
    elif measure and not source.path.endswith((".pyi", ".d.ts")):
        branches = branches_of(text, source.language)
        if branches is not None:
            found.files.append(_file(source, text, 0, branches, measured=False))


def _parse(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _measure(source: Source, tree: ast.Module, text: str, found: _Found) -> None:
    functions = functions_of(tree) if source.role in ("source", "example") else []
    found.files.append(_file(source, text, len(functions), branches_in(tree), measured=True))
    found.functions += [
        {
            "path": source.path,
            "role": source.role,
            "name": function.name,
            "line": function.line,
            "length": function.length,
            "cyclomatic": function.cyclomatic,
            "cognitive": function.cognitive,
            "parameters": function.parameters,
        }
        for function in functions
    ]


def _file(source: Source, text: str, functions: int, branches: int, *, measured: bool) -> dict[str, Any]:
    return {
        "path": source.path,
        "language": source.language,
        "role": source.role,
        "lines": text.count("\n") + 1,
        "functions": functions,
        "complexity": branches,
        "measured": measured,
    }


def _unparsable(source: Source, error: Exception) -> dict[str, Any]:
    line = getattr(error, "lineno", None) or 1
    reason = getattr(error, "msg", None) or str(error) or type(error).__name__
    role = "fixture" if source.role == "test" and not is_test(source.path) else source.role
    return {"path": source.path, "line": line, "reason": reason, "role": role}


def _named(unparsable: list[dict[str, Any]]) -> str:
    named = ", ".join(f"{file['path']}:{file['line']}" for file in unparsable[:3])
    more = f" and {len(unparsable) - 3} more" if len(unparsable) > 3 else ""
    count = "1 file does" if len(unparsable) == 1 else f"{len(unparsable)} files do"
    return f"{count} not parse: {named}{more}"


def _spread(functions: list[dict[str, Any]]) -> dict[str, int]:
    """How many functions are how hard to follow."""
    spread = dict.fromkeys(_BANDS, 0)
    for function in functions:
        band = next(name for name, bound in _BANDS.items() if function["cognitive"] <= bound)
        spread[band] += 1
    return spread
