"""Text becomes values with their places; whatever is no strict YAML 1.2 is told where, and nothing raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.resources import places
from podium.resources.places import DEPTH_MAX, TEXT_BYTES_MAX, Tree, compose
from podium.resources.troubles import pointer


def read(text: str | bytes) -> Any:
    """The one document of a text that has no trouble."""
    found, troubles = compose(text, "t.yaml")
    assert troubles == []
    [(tree, sound)] = found
    assert sound
    return tree.value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("Off", "Off"),
        ("true", True),
        ("~", None),
        ("2020-01-01", "2020-01-01"),
        ("012", 12),
        ("0o14", 12),
        ("0xff", 255),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("0b1", "0b1"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-7", -7),
        ("+", "+"),
        ("1.0.0", "1.0.0"),
        ("'7'", "7"),
        ("!!str 7", "7"),
        ("18446744073709551615", 2**64 - 1),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\/"', "/"),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(written: str, value: object) -> None:
    assert read(f"key: {written}") == {"key": value}


def test_keys_are_text_as_written() -> None:
    assert read("on: 1\n200: 2\ntrue: 3\nnull: 4\n1.10: 5") == {
        "on": 1,
        "200": 2,
        "true": 3,
        "null": 4,
        "1.10": 5,
    }


def test_documents_one_after_the_other_and_empty_ones_left_out() -> None:
    found, troubles = compose("---\n---\na: 1\n---\n# nothing\n---\n- 2\n", "t.yaml")
    assert troubles == []
    assert [tree.value for tree, _ in found] == [{"a": 1}, [2]]


def test_json_is_read_with_tabs_and_a_byte_order_mark() -> None:
    text = '\ufeff{\n\t"a": [1,\t2],\n\t"b": "x\\ty"\n}'
    assert read(text.encode()) == {"a": [1, 2], "b": "x\ty"}


def test_aliases_are_values_like_others() -> None:
    assert read("a: &x {b: 1}\nc: [*x, *x]") == {"a": {"b": 1}, "c": [{"b": 1}, {"b": 1}]}


BAD = [
    ("a: 1\nb: 2\na: 3\n", "duplicate-key", "/a", 3, 1, "first in line 1"),
    ("x:\n  - {k: 1, k: 2}\n", "duplicate-key", "/x/0/k", 2, 12, "first in line 2"),
    ("a:\n\t- b\n", "yaml-syntax", "", 2, 1, "tab"),
    ("a: b: c\n", "yaml-syntax", "", 1, 5, "quotes"),
    ("a:\n  b: 1\n c: 2\n", "yaml-syntax", "", 3, 2, "indented"),
    ("a: [1,\n  2\n", "yaml-syntax", "", 3, 1, "starts in line 1"),
    ("ok: 1\na: 'x\n", "yaml-syntax", "", 3, 1, "starts in line 2"),
    ("a: \x01\n", "yaml-syntax", "", 1, 4, "U+0001"),
    ("é: 1\nb: \x01\n", "yaml-syntax", "", 2, 4, "U+0001"),
    (b"a: 1\nb: \xff\n", "not-utf-8", "", 2, 4, "Byte 8 (0xff)"),
    ("a: 1\nb: *x\n", "alias", "/b", 2, 4, "not set"),
    ("a: &x [1, *x]\n", "alias", "/a/1", 1, 11, "never end"),
    ("a: !!int 7\n", "yaml-tag", "/a", 1, 4, "Tags"),
    ("a: !python/object {}\n", "yaml-tag", "/a", 1, 4, "Tags"),
    ("a: &x {b: 1}\n<<: *x\n", "merge-key", "", 2, 1, "merge key"),
    ("? [a]\n: 1\n", "key", "", 1, 3, "plain text"),
    ("a: .inf\n", "number", "/a", 1, 4, "quote it"),
    ("a: 1e999\n", "number", "/a", 1, 4, "too large"),
    ("a: 18446744073709551616\n", "number", "/a", 1, 4, "64 bits"),
    ('a: "\\ud800"\n', "not-unicode", "/a", 1, 4, "surrogate"),
    ("%YAML 1.1\n---\na: 1\n", "yaml-version", "", 2, 1, "1.2"),
]


@pytest.mark.parametrize(("text", "rule", "path", "line", "column", "words"), BAD)
def test_what_is_not_read_is_told_with_its_place(
    text: str | bytes, rule: str, path: str, line: int, column: int, words: str
) -> None:
    found, [trouble] = compose(text, "t.yaml")
    assert (trouble.rule, trouble.path, trouble.line, trouble.column) == (rule, path, line, column)
    assert words in trouble.message
    assert trouble.file == "t.yaml"
    assert not any(sound for _, sound in found)


def test_a_fault_spoils_only_its_own_document() -> None:
    found, troubles = compose("a: 1\na: 2\n---\nb: 1\n---\nc: [\n", "t.yaml")
    assert [(tree.value, sound) for tree, sound in found] == [({"a": 1}, False), ({"b": 1}, True)]
    assert [trouble.rule for trouble in troubles] == ["duplicate-key", "yaml-syntax"]


def test_bounds_on_size_depth_and_aliases() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    deep_by_aliases = "a0: &a0 [x]\n" + "".join(
        f"a{n}: &a{n} [[[*a{n - 1}]]]\n" for n in range(1, DEPTH_MAX // 3 + 2)
    )
    for text, rule in [
        (" " * (TEXT_BYTES_MAX + 1), "too-large"),
        ("[" * (DEPTH_MAX + 1), "too-deep"),
        (bomb, "too-large"),
        (deep_by_aliases, "too-deep"),
    ]:
        _, [trouble] = compose(text, "t.yaml")
        assert trouble.rule == rule


def test_places_of_values_keys_and_what_is_not_there() -> None:
    text = "top:\n  - name: x\n    list: [1, 22]\n  - other:\n      deep: y\n"
    [(tree, _)], _ = compose(text, "t.yaml")
    assert tree.place("/top/0/name") == (2, 11)
    assert tree.place("/top/0/name", key=True) == (2, 5)
    assert tree.place("/top/0/list/1") == (3, 15)
    assert tree.place("/top") == (1, 1), "a block's place is its key's"
    assert tree.place("/top/1") == (4, 5)
    assert tree.place("/top/1/other/deep/none/0") == (5, 13), "the nearest thing that exists"
    assert tree.place("/top/9") == (1, 1)
    assert tree.place("") == (1, 1)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc/~.é", max_size=5), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(JSON.filter(lambda value: value is not None))
def test_any_json_is_read_as_what_it_is_and_every_value_has_a_place(value: Any) -> None:
    text = json.dumps(value)
    [(tree, sound)], troubles = compose(text, "t.json")
    assert (tree.value, sound, troubles) == (value, True, [])
    _each_place_holds_its_value(tree, tree, (), text)


def _each_place_holds_its_value(root: Tree, tree: Tree, path: tuple[str | int, ...], text: str) -> None:
    line, column = root.place(pointer(path))
    assert line == 1
    assert json.JSONDecoder().raw_decode(text, column - 1)[0] == tree.value
    for key, child in tree.children.items():
        _each_place_holds_its_value(root, child, (*path, key), text)


FRAGMENTS = [
    *"{}[],:&*!|>'\"%@`#-? \n\t\r\x00\x85\ufeff\u2028\ud800<=~^\\",
    "- ",
    "a: ",
    "&a ",
    "*a",
    "<<: ",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "%TAG ! x\n",
    "!!int 3",
    "!<x>",
    "0x",
    ".nan",
    "\\u",
    '"\\ud800"',
    "|2\n",
    ">-\n",
    "null",
    "apiVersion: podium.dev/v1\n",
    "kind: Agent\n",
    "document: {",
    "é",
    "😀",
]


@settings(max_examples=400)
@given(
    st.one_of(st.binary(max_size=60), st.text(max_size=60), st.lists(st.sampled_from(FRAGMENTS)).map("".join))
)
def test_no_text_raises(text: bytes | str) -> None:
    found, troubles = compose(text, "t.yaml")
    assert all(trouble.message and trouble.file == "t.yaml" for trouble in troubles)
    assert all(tree.line >= 1 and tree.column >= 1 for tree, _ in found)
    assert max((tree.depth for tree, _ in found), default=0) <= places.DEPTH_MAX
