"""Complexity: which files and functions are hard to follow."""

from __future__ import annotations

import ast
import time
import warnings
from pathlib import Path
from typing import Any

from reading.measure import branches_in, branches_of, functions_of
from reading.sources import Source, is_test, read, select

FILES_MAX = 1_000
FUNCTIONS_MAX = 60
TIME_MAX_S = 90
"""Files not reached by then are left out, and the report says how many."""
BANDS = {"0-5": 5, "6-15": 15, "16-25": 25, "26-50": 50, "over 50": 1_000_000}


class UnparsableFiles(Exception):
    """Some files are no Python that this interpreter can parse."""


def complexity(root: str, out: str, skip_unparsable: bool = False, context: Any = None) -> dict[str, Any]:
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
    sources = [source for source in select(Path(root), Path(out)).files if source.is_code]
    files: list[dict[str, Any]] = []
    functions: list[dict[str, Any]] = []
    unparsable: list[dict[str, Any]] = []
    seen = 0
    for source in sources:
        if time.monotonic() > started + TIME_MAX_S:
            break
        try:
            _measure(Path(root), source, files, functions)
        except (SyntaxError, ValueError) as error:
            unparsable.append(_unparsable(source, error))
        except (OSError, RecursionError, MemoryError):
            continue  # Gone meanwhile, or nested without end: not seen.
        seen += 1
        if seen % 200 == 0 and context is not None:
            context.progress({"seen": seen, "of": len(sources)})
    broken = [file for file in unparsable if file["role"] != "fixture"]
    if broken and not skip_unparsable:
        raise UnparsableFiles(_named(broken))
    functions.sort(key=lambda function: (-function["cognitive"], function["path"], function["line"]))
    files.sort(key=lambda file: (-file["branches"], file["path"]))
    return {
        "files": len(sources),
        "seen": seen,
        "measured": files[:FILES_MAX],
        "functions": functions[:FUNCTIONS_MAX],
        "functions_total": len(functions),
        "spread": _spread(functions),
        "unparsable": unparsable,
        "took_ms": int((time.monotonic() - started) * 1000),
    }


def _measure(
    root: Path, source: Source, files: list[dict[str, Any]], functions: list[dict[str, Any]]
) -> None:
    text = read(root, source.path)
    if source.path.endswith(".py"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse((root / source.path).read_bytes())  # Bytes declare their encoding.
        branches: int | None = branches_in(tree)
        place = {"path": source.path, "role": source.role}
        if source.role in ("source", "example"):
            functions += [place | function._asdict() for function in functions_of(tree)]
    else:
        stub = source.path.endswith((".pyi", ".d.ts"))
        branches = None if stub else branches_of(text, source.language)
    if branches is not None:
        lines = len(text.splitlines())
        files.append({"path": source.path, "role": source.role, "lines": lines, "branches": branches})


def _unparsable(source: Source, error: Exception) -> dict[str, Any]:
    """What does not parse; what tests work on may be wrong on purpose."""
    on_purpose = source.role == "test" and not is_test(source.path)
    return {
        "path": source.path,
        "role": "fixture" if on_purpose else source.role,
        "line": getattr(error, "lineno", None) or 1,
        "reason": getattr(error, "msg", None) or str(error) or type(error).__name__,
    }


def _named(unparsable: list[dict[str, Any]]) -> str:
    named = ", ".join(f"{file['path']}:{file['line']}" for file in unparsable[:3])
    more = f" and {len(unparsable) - 3} more" if len(unparsable) > 3 else ""
    count = "1 file does" if len(unparsable) == 1 else f"{len(unparsable)} files do"
    return f"{count} not parse: {named}{more}"


def _spread(functions: list[dict[str, Any]]) -> dict[str, int]:
    """How many functions are how hard to follow."""
    spread = dict.fromkeys(BANDS, 0)
    for function in functions:
        spread[next(band for band, most in BANDS.items() if function["cognitive"] <= most)] += 1
    return spread
