"""Modules that no test reaches: neither by importing them, nor through what it imports."""

from __future__ import annotations

import ast
import time
import warnings
from collections.abc import Iterator

from sources import Selection, Source, read

BYTES_MIN = 3_000
"""Smaller modules are not worth a word."""
TIME_MAX_S = 20


def unreached(selection: Selection) -> list[str]:
    """Python modules of some size that no chain of imports leads to from a test.

    A module that is only run as a program counts as unreached too. Nothing is said (an empty list) where the
    imports cannot be followed: there are no tests, or they reach nothing at all.
    """
    files = {file.path: file for file in selection.of("Python") if file.path.endswith(".py")}
    modules = _modules(list(files))
    until = time.monotonic() + TIME_MAX_S
    waiting = [path for path, file in files.items() if file.role in ("test", "fixture")]
    reached = set(waiting)
    while waiting:
        if time.monotonic() > until:
            return []
        path = waiting.pop()
        found = {target for name in _imported(selection, path) for target in _targets(name, modules)}
        waiting += found - reached
        reached |= found
    missed = [file for path, file in files.items() if path not in reached and _counts(file)]
    own = [file for file in files.values() if _counts(file)]
    return [file.path for file in missed][:100] if len(missed) < len(own) else []


def _counts(file: Source) -> bool:
    return (
        file.role == "source"
        and not file.path.startswith("scripts/")
        and file.size >= BYTES_MIN
        and file.path != "setup.py"
    )


def _modules(paths: list[str]) -> dict[str, list[str]]:
    """The files that a dotted name may mean. Where a package begins is not known, so each suffix counts."""
    modules: dict[str, list[str]] = {}
    for path in paths:
        parts = path.removesuffix(".py").split("/")
        if parts[-1] == "__init__":
            parts.pop()
        for start in range(len(parts)):
            modules.setdefault(".".join(parts[start:]), []).append(path)
    return modules


def _targets(name: str, modules: dict[str, list[str]]) -> Iterator[str]:
    """The files that an import of a dotted name runs: its own, and those of the packages around it."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        yield from modules.get(".".join(parts[:end]), ())


def _imported(selection: Selection, path: str) -> Iterator[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(read(selection.root, path))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(path, node)
            for alias in node.names:
                yield f"{base}.{alias.name}" if base else alias.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _looks_dotted(node.value):
            yield node.value.replace(":", ".")


def _looks_dotted(text: str) -> bool:
    """`package.module:function`: how lazy imports, command lines and settings name modules."""
    return (
        4 < len(text) < 120
        and "." in text
        and text.replace(".", "").replace(":", "").replace("_", "").isalnum()
    )


def _absolute(path: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    folder = path.split("/")[: -node.level]
    return ".".join([*folder, node.module] if node.module else folder)
