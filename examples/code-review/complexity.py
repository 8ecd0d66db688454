"""Complexity: which files and functions are hard to follow."""

from __future__ import annotations

import ast
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import Function, branches_of, functions_of
from sources import Selection, Source, read, select

FILES_MAX = 1_000
FUNCTIONS_MAX = 60
TIME_MAX_S = 60
"""Files not reached by then are left out, and the report says how many."""


class UnparsableFiles(Exception):
    """Some files are no Python that this interpreter can parse."""


def complexity(
    root: str, out: str = "", skip_unparsable: bool = False, context: Any = None
) -> dict[str, Any]:
    """Measure every file of code under a folder.

    Args:
        root: absolute path of the folder.
        out: absolute path of a folder that is left out.
        skip_unparsable: measure the rest where a file does not parse, and name it in `unparsable`.
    Returns:
        What `schemas/complexity.yaml` describes.
    Raises:
        UnparsableFiles: a file does not parse, and is not to be skipped. Its text names the files.
    """
    started = time.monotonic()
    selection = select(Path(root), Path(out) if out else None)
    progress = context.progress if context is not None else _silent
    trees, unparsable = _parse_all(selection, progress)
    if unparsable and not skip_unparsable:
        raise UnparsableFiles(_named(unparsable))
    measured = [_python_file(source, functions_of(tree), lines) for source, tree, lines in trees]
    functions = [entry for _, entries in measured for entry in entries]
    functions.sort(key=lambda entry: (-entry["cognitive"], entry["path"], entry["line"]))
    others = _others(selection, started + TIME_MAX_S)
    files = sorted(
        [file for file, _ in measured] + others, key=lambda file: (-file["complexity"], file["path"])
    )
    return {
        "files": files[:FILES_MAX],
        "files_total": len(files),
        "functions": functions[:FUNCTIONS_MAX],
        "functions_total": len(functions),
        "spread": _spread(functions),
        "unparsable": unparsable,
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "took_ms": int((time.monotonic() - started) * 1000),
    }


def _parse_all(
    selection: Selection, progress: Callable[[Any], None]
) -> tuple[list[tuple[Source, ast.Module, int]], list[dict[str, Any]]]:
    sources = [source for source in selection.of("Python") if source.path.endswith(".py")]
    trees, unparsable = [], []
    for done, source in enumerate(sources, 1):
        try:
            text = read(selection.root, source.path)
            trees.append((source, _parse(text), text.count("\n") + 1))
        except OSError:
            continue
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            unparsable.append(_unparsable(source, error))
        if done % 200 == 0:
            progress({"parsed": done, "of": len(sources)})
    return trees, unparsable


def _parse(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _unparsable(source: Source, error: Exception) -> dict[str, Any]:
    line = getattr(error, "lineno", None) or 1
    reason = getattr(error, "msg", None) or str(error) or type(error).__name__
    return {"path": source.path, "line": line, "reason": reason, "role": source.role}


def _named(unparsable: list[dict[str, Any]]) -> str:
    named = ", ".join(f"{file['path']}:{file['line']}" for file in unparsable[:3])
    more = f" and {len(unparsable) - 3} more" if len(unparsable) > 3 else ""
    count = "1 file does" if len(unparsable) == 1 else f"{len(unparsable)} files do"
    return f"{count} not parse: {named}{more}"


def _python_file(
    source: Source, functions: list[Function], lines: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    file = {
        "path": source.path,
        "language": source.language,
        "role": source.role,
        "lines": lines,
        "functions": len(functions),
        "complexity": sum(function.cyclomatic for function in functions),
        "measured": True,
    }
    entries = [
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
    return file, entries


def _others(selection: Selection, until: float) -> list[dict[str, Any]]:
    """The files of other languages: their branches are counted by keyword."""
    files = []
    for source in selection.files:
        if (
            not source.is_code
            or not source.readable
            or source.language == "Python"
            or time.monotonic() > until
        ):
            continue
        try:
            text = read(selection.root, source.path)
        except OSError:
            continue
        branches = branches_of(text, source.language)
        if branches is not None and not source.path.endswith(".d.ts"):
            files.append(
                {
                    "path": source.path,
                    "language": source.language,
                    "role": source.role,
                    "lines": text.count("\n") + 1,
                    "functions": 0,
                    "complexity": branches,
                    "measured": False,
                }
            )
    return files


def _spread(functions: list[dict[str, Any]]) -> dict[str, int]:
    """How many functions outside the tests are how hard to follow."""
    spread = {"0-5": 0, "6-15": 0, "16-25": 0, "26-50": 0, "over 50": 0}
    bounds = (5, 15, 25, 50)
    for function in functions:
        if function["role"] != "test":
            band = sum(function["cognitive"] > bound for bound in bounds)
            spread[list(spread)[band]] += 1
    return spread


def _silent(value: Any) -> None:
    """Nobody listens."""
