"""Which findings of the linter hold only by the letter: those that a reader would wave through."""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path

from sources import is_test, read, role_of

_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_MUTATORS = frozenset(
    "append extend insert remove pop clear sort reverse add discard update setdefault popitem".split()
)
_PYTHON_2 = frozenset(
    "unicode basestring xrange long unichr raw_input file reduce cmp execfile reload".split()
)
_INJECTED = frozenset("WindowsError get_ipython __IPYTHON__ _ get_config reveal_type".split())


class Doubts:
    """Looks at the code around findings. Files are parsed once, and only when a rule needs it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._trees: dict[str, ast.Module | None] = {}
        self._flat: dict[str, list[ast.AST]] = {}

    def waves_through(self, rule: str, path: str, line: int, column: int, message: str) -> bool:
        """Whether a finding is no news to whoever knows the code.

        Args:
            rule: code of the rule.
            path: relative to the root.
            line, column: from 1.
            message: what ruff says.
        """
        if role_of(path) in ("test", "fixture") and not is_test(path):
            return True
        name = path.rpartition("/")[2]
        if rule == "F401":
            return name == "__init__.py" or "find_spec" in message or "compat" in name
        if rule in ("F403", "F405") and name == "__init__.py":
            return True
        if rule == "F811":
            return role_of(path) == "test" and "`test" not in message
        if rule == "F821":
            return self._undefined_is_fine(path, line, column, message)
        if rule == "F822":
            return self._defines(path, "__getattr__")
        if rule == "B018":
            return self._is_access(path, line, column)
        if rule == "B006":
            return not self._default_escapes(path, line, column)
        if rule in ("B015", "PLR0124"):
            return self._expects_an_error(path, line)
        if rule == "T100":
            return re.search(r"\bpdb\.set_trace` used|`breakpoint` used", message) is None
        if rule == "PLE2502":
            return not self._turns(path, line)
        return False

    def _turns(self, path: str, line: int) -> bool:
        """Whether a line holds what hides code: overrides and embeddings, not mere marks of direction."""
        try:
            return _TURNS.search(read(self._root, path).splitlines()[line - 1]) is not None
        except (OSError, IndexError):
            return True

    def _tree(self, path: str) -> ast.Module | None:
        if path not in self._trees:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    self._trees[path] = ast.parse(read(self._root, path))
            except (SyntaxError, ValueError, RecursionError, MemoryError, OSError):
                self._trees[path] = None
        return self._trees[path]

    def _nodes(self, path: str) -> list[ast.AST]:
        if path not in self._flat:
            tree = self._tree(path)
            self._flat = {path: list(ast.walk(tree)) if tree is not None else []}
        return self._flat[path]

    def _undefined_is_fine(self, path: str, line: int, column: int, message: str) -> bool:
        name = message.split("`")[1] if "`" in message else ""
        if name in _INJECTED or name in _PYTHON_2:
            return True
        return any(
            _covers(annotation, line, column)
            for node in self._nodes(path)
            for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None))
            if annotation is not None
        )

    def _defines(self, path: str, name: str) -> bool:
        tree = self._tree(path)
        return tree is not None and any(getattr(statement, "name", "") == name for statement in tree.body)

    def _is_access(self, path: str, line: int, column: int) -> bool:
        """An attribute or item that is only read is mostly read for its effect."""
        return any(
            isinstance(node, ast.Attribute | ast.Subscript) and _starts(node, line, column)
            for node in self._nodes(path)
        )

    def _default_escapes(self, path: str, line: int, column: int) -> bool:
        """Whether the object of a default argument is changed, returned or kept somewhere."""
        for function in self._nodes(path):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for argument, default in _defaults(function.args):
                    if _starts(default, line, column):
                        return any(_escapes(node, argument) for node in ast.walk(function))
        return False

    def _expects_an_error(self, path: str, line: int) -> bool:
        """Inside `with pytest.raises(…)` a bare comparison is run for its error."""
        return any(
            isinstance(node, ast.With) and node.lineno < line <= (node.end_lineno or 0)
            and any("raises" in ast.dump(item.context_expr).lower() for item in node.items)
            for node in self._nodes(path)
        )  # fmt: skip


def _starts(node: ast.AST, line: int, column: int) -> bool:
    return getattr(node, "lineno", 0) == line and getattr(node, "col_offset", -1) + 1 == column


def _covers(node: ast.expr, line: int, column: int) -> bool:
    return (
        (node.lineno, node.col_offset)
        <= (line, column - 1)
        < (node.end_lineno or 0, node.end_col_offset or 0)
    )


def _defaults(arguments: ast.arguments) -> list[tuple[str, ast.expr]]:
    positional = [*arguments.posonlyargs, *arguments.args]
    first = len(positional) - len(arguments.defaults)
    pairs = list(zip(positional[first:], arguments.defaults, strict=True))
    return [(a.arg, d) for a, d in pairs] + [
        (a.arg, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None
    ]


def _escapes(node: ast.AST, argument: str) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)):
            return name == argument and method in _MUTATORS
        case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store() | ast.Del()):
            return name == argument
        case ast.AugAssign(target=ast.Name(id=name)):
            return name == argument
        case ast.Return(value=ast.Name(id=name)):
            return name == argument
        case ast.Assign(targets=targets, value=ast.Name(id=name)):
            return name == argument and any(isinstance(target, ast.Attribute) for target in targets)
    return False
