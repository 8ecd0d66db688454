"""Documents that the tests compile, and ways to spoil them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from ruamel.yaml import YAML

from podium.workflow.compile import compile_workflow

_FOLDER = Path(__file__).parent / "documents"
DOCUMENTS: dict[str, Any] = {
    path.stem: YAML(typ="safe", pure=True).load(path.read_text()) for path in sorted(_FOLDER.glob("*.yaml"))
}
"""Whole documents by name; together they use everything that the language has here."""

HEADER = {"dsl": "1.0.3", "namespace": "default", "name": "test", "version": "1.0.0"}


def document(*tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A document of these tasks."""
    return {"document": dict(HEADER), "do": list(tasks), **more}


def task(definition: Any) -> dict[str, Any]:
    """A document of one task, `/do/0/a`."""
    return document({"a": definition})


def problems_of(value: Any, **options: Any) -> list[tuple[str, str]]:
    """Rule and path of each reason why a document is refused."""
    program, problems = compile_workflow(value, "sha256:0", **options)
    assert program is None
    return [(problem.rule, problem.path) for problem in problems]


def places(value: Any, place: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where every value of a document stands."""
    found = [place]
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, member in members:
        found += places(member, (*place, name))
    return found


def at(value: Any, place: tuple[str | int, ...]) -> Any:
    for part in place:
        value = value[part]
    return value


_WORDS = st.sampled_from(
    [
        "", "x", "${", "${ }", "${ .a }", "${ .a", "${ now }", "${ $x }", "${ $error }", "${ .a | ",
        "a ${ .b } c", ".a", "end", "exit", "continue", "PT1S", "P1Y", "agent", "https://example.com/{id}",
        "https://e x", "{", "%", "é", "/", "~", "1.0.3", "${ .a }\n", "${\n.a }",
        "https://example.com/${.a}", "http://{host}/", "//host", "a b", "$x", "\t",
    ]
)  # fmt: skip
_NAMES = st.sampled_from(
    [
        "call", "do", "for", "fork", "try", "catch", "raise", "set", "switch", "wait", "listen", "emit",
        "run", "with", "then", "if", "when", "input", "output", "export", "from", "as", "schema",
        "document", "resource", "timeout", "after", "use", "errors", "until", "foreach", "correlate",
        "authentication", "uri", "x", "", "a/b~c", "metadata", "retry", "limit", "attempt", "count",
        "duration", "jitter", "to", "one", "any", "all", "read", "select", "tier",
    ]
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 700),
        st.floats(allow_nan=True),
        _WORDS,
        _NAMES,
        st.text(max_size=3),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def spoiled(draw: st.DrawFn) -> Any:
    """A document with a few things replaced, renamed, removed, added or moved."""
    result = copy.deepcopy(DOCUMENTS[draw(st.sampled_from(sorted(DOCUMENTS)))])
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.sampled_from(places(result)))
        if not place:
            continue
        parent, name = at(result, place[:-1]), place[-1]
        change = draw(st.integers(0, 5))
        if change <= 1:
            parent[name] = draw(VALUES)
        elif change == 2:
            parent[name] = copy.deepcopy(at(result, draw(st.sampled_from(places(result)))))
        elif change == 3:
            del parent[name]
        elif isinstance(parent, dict):
            value = parent.pop(name) if change == 4 else draw(VALUES)
            parent[draw(_NAMES)] = value
        else:
            parent.append(draw(VALUES))
    return result
