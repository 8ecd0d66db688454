"""How hard Python functions are to follow, and a rough likeness of it for other languages."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True, slots=True)
class Function:
    """One function.

    Attributes:
        name: qualified, `Writer.flush`.
        line: of its `def`.
        length: in lines, without its docstring.
        cyclomatic: independent paths, from 1 (McCabe 1976).
        cognitive: effort to read: branches weigh more the deeper they nest (after SonarSource, 2017).
        parameters: how many it takes, without self and cls.
    """

    name: str
    line: int
    length: int
    cyclomatic: int
    cognitive: int
    parameters: int


def functions_of(tree: ast.Module) -> list[Function]:
    """Every function of a module; those defined inside another count as part of that."""
    found: list[Function] = []
    _collect(tree.body, "", found)
    return found


def branches_in(tree: ast.Module) -> int:
    """How many branches a module has, those outside functions included."""
    return sum(_paths(node) for node in ast.walk(tree))


def _collect(body: list[ast.stmt], prefix: str, found: list[Function]) -> None:
    for statement in body:
        if isinstance(statement, _FUNCTIONS):
            found.append(_measured(statement, prefix))
        elif isinstance(statement, ast.ClassDef):
            _collect(statement.body, f"{prefix}{statement.name}.", found)
        elif isinstance(statement, ast.If | ast.Try | ast.With | ast.TryStar):
            for name in ("body", "orelse", "finalbody"):
                _collect(getattr(statement, name, []), prefix, found)
            for handler in getattr(statement, "handlers", []):
                _collect(handler.body, prefix, found)


def _measured(function: ast.FunctionDef | ast.AsyncFunctionDef, prefix: str) -> Function:
    arguments = function.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return Function(
        name=prefix + function.name,
        line=function.lineno,
        length=(function.end_lineno or function.lineno) - function.lineno + 1 - _docstring_lines(function),
        cyclomatic=1 + sum(_paths(node) for node in ast.walk(function)),
        cognitive=_cognitive(function.body, 0),
        parameters=len([name for name in names if name not in ("self", "cls")]),
    )


def _docstring_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        return (first.end_lineno or first.lineno) - first.lineno + 1
    return 0


def _paths(node: ast.AST) -> int:
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    if isinstance(node, ast.comprehension):
        return 1 + len(node.ifs)
    if isinstance(node, ast.match_case):
        return not (isinstance(node.pattern, ast.MatchAs) and node.pattern.pattern is None)
    return isinstance(node, (*_LOOPS, ast.If, ast.IfExp, ast.ExceptHandler))


def _cognitive(nodes: list[ast.stmt], depth: int) -> int:
    return sum(_effort(node, depth) for node in nodes)


def _effort(node: ast.AST, depth: int) -> int:
    """The effort of one node and all below it, `depth` levels of nesting down."""
    if isinstance(node, ast.If):
        return 1 + depth + _if_effort(node, depth)
    if isinstance(node, _LOOPS):
        head = node.test if isinstance(node, ast.While) else node.iter
        return 1 + depth + _effort(head, depth) + _cognitive(node.body, depth + 1) + _else(node.orelse, depth)
    if isinstance(node, ast.Try | ast.TryStar):
        handlers = sum(1 + depth + _cognitive(handler.body, depth + 1) for handler in node.handlers)
        return handlers + _cognitive(node.body + node.orelse + node.finalbody, depth)
    if isinstance(node, ast.Match):
        return 1 + depth + sum(_cognitive(case.body, depth + 1) for case in node.cases)
    if isinstance(node, ast.IfExp):
        return 1 + depth + sum(_effort(part, depth + 1) for part in (node.test, node.body, node.orelse))
    if isinstance(node, (*_FUNCTIONS, ast.Lambda)):
        body = node.body if isinstance(node.body, list) else [node.body]
        return sum(_effort(part, depth + 1) for part in body)
    own = isinstance(node, ast.BoolOp) or (isinstance(node, _COMPREHENSIONS) and len(node.generators) > 1)
    return own + sum(_effort(child, depth) for child in ast.iter_child_nodes(node))


def _if_effort(node: ast.If, depth: int) -> int:
    effort = _effort(node.test, depth) + _cognitive(node.body, depth + 1)
    if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        return effort + 1 + _if_effort(node.orelse[0], depth)
    return effort + _else(node.orelse, depth)


def _else(body: list[ast.stmt], depth: int) -> int:
    return 1 + _cognitive(body, depth + 1) if body else 0


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
