"""How hard Python functions are to follow, and a rough likeness of it for other languages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Function(NamedTuple):
    """One function.

    Attributes:
        name: qualified, `Writer.flush`.
        line: of its `def`.
        length: in lines, without its docstring.
        cognitive: effort to read: branches weigh more the deeper they nest (after SonarSource, 2017).
    """

    name: str
    line: int
    length: int
    cognitive: int


def functions_of(tree: ast.AST, prefix: str = "") -> Iterator[Function]:
    """Every function of a module; those defined inside another count as part of that."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, _FUNCTIONS):
            yield _measured(node, prefix)
        elif isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
            yield from functions_of(
                node, f"{prefix}{node.name}." if isinstance(node, ast.ClassDef) else prefix
            )


def branches_in(tree: ast.AST) -> int:
    """How many branches there are, those outside functions included."""
    return sum(_paths(node) for node in ast.walk(tree))


def _measured(function: ast.FunctionDef | ast.AsyncFunctionDef, prefix: str) -> Function:
    first = function.body[0]
    documented = ast.get_docstring(function, clean=False) is not None
    counted = _span(function) - (_span(first) if documented else 0)
    try:
        cognitive = _efforts(function.body, 0)
    except RecursionError:
        cognitive = branches_in(function)  # An expression of a thousand terms: long, but flat.
    return Function(prefix + function.name, function.lineno, counted, cognitive)


def _span(statement: ast.stmt) -> int:
    return (statement.end_lineno or statement.lineno) - statement.lineno + 1


def _paths(node: ast.AST) -> int:
    match node:
        case ast.BoolOp():
            return len(node.values) - 1
        case ast.comprehension():
            return 1 + len(node.ifs)
        case ast.match_case(pattern=ast.MatchAs(pattern=None)):
            return 0
    return isinstance(node, (*_LOOPS, ast.If, ast.IfExp, ast.ExceptHandler, ast.match_case))


def _efforts(nodes: Iterable[ast.AST], depth: int) -> int:
    return sum(_effort(node, depth) for node in nodes)


def _effort(node: ast.AST, depth: int) -> int:
    """The effort of one node and all below it, `depth` levels of nesting down."""
    match node:
        case ast.If():
            return depth + _if_effort(node, depth)
        case ast.For() | ast.AsyncFor():
            return (
                1 + depth + _effort(node.iter, depth) + _nested(node.body, depth) + _else(node.orelse, depth)
            )
        case ast.While():
            return (
                1 + depth + _effort(node.test, depth) + _nested(node.body, depth) + _else(node.orelse, depth)
            )
        case ast.Try() | ast.TryStar():
            handlers = sum(1 + depth + _nested(handler.body, depth) for handler in node.handlers)
            return handlers + _efforts(node.body + node.orelse + node.finalbody, depth)
        case ast.Match():
            return 1 + depth + sum(_nested(case.body, depth) for case in node.cases)
        case ast.IfExp():
            return 1 + depth + _nested((node.test, node.body, node.orelse), depth)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return _nested(node.body, depth)
        case ast.Lambda():
            return _effort(node.body, depth + 1)
    own = isinstance(node, ast.BoolOp) or (isinstance(node, _COMPREHENSIONS) and len(node.generators) > 1)
    return own + _efforts(ast.iter_child_nodes(node), depth)


def _if_effort(node: ast.If, depth: int) -> int:
    effort = 1 + _effort(node.test, depth) + _nested(node.body, depth)
    if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        return effort + _if_effort(node.orelse[0], depth)
    return effort + _else(node.orelse, depth)


def _else(body: list[ast.stmt], depth: int) -> int:
    return 1 + _nested(body, depth) if body else 0


def _nested(nodes: Iterable[ast.AST], depth: int) -> int:
    return _efforts(nodes, depth + 1)


# --- languages that are not parsed ------------------------------------------------------------

_WORDS = re.compile(
    r"\b(?:if|elif|elsif|for|foreach|while|until|case|when|catch|rescue|unless|match)\b|&&|\|\||\?\?"
)
_TEXTS = r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
_NOISE = re.compile(rf"/\*.*?\*/|//[^\n]*|{_TEXTS}|`(?:\\.|[^`\\])*`", re.DOTALL)
_HASH_NOISE = re.compile(rf"#[^\n]*|{_TEXTS}")
_HASH_COMMENTS = frozenset({"Ruby", "Shell", "Perl", "R", "Elixir", "Julia", "PowerShell"})
_NOT_MEASURED = frozenset({"HTML", "CSS", "SQL", "Protobuf", "Terraform"})


def branches_of(text: str, language: str) -> int | None:
    """How many branches a text has, by its keywords; None for languages where that means nothing."""
    if language in _NOT_MEASURED:
        return None
    noise = _HASH_NOISE if language in _HASH_COMMENTS else _NOISE
    return len(_WORDS.findall(noise.sub(" ", text)))
