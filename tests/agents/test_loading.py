"""How the callable of a function agent is found and imported."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from podium.agents import loading
from podium.agents.interface import AttemptFailed
from tests.agents.attempts import agent


def load(folder: Path, callable: str, **runtime: Any) -> Any:
    one = agent(folder, {"type": "function", "callable": callable, **runtime})
    return loading.load(one, loading.place_of(one), shared=True)


def plainly_async(folder: Path, callable: str, **runtime: Any) -> bool:
    one = agent(folder, {"type": "function", "callable": callable, **runtime})
    return loading.is_plainly_async(loading.place_of(one))


def failure(folder: Path, callable: str) -> AttemptFailed:
    with pytest.raises(AttemptFailed) as caught:
        load(folder, callable)
    assert (caught.value.kind, caught.value.unstarted) == ("configuration", True)
    assert not caught.value.retryable
    return caught.value


def test_two_folders_may_have_a_module_of_the_same_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "agents.py").write_text(f"def who(): return {name!r}\n")
    before = sys.modules.get("agents")
    assert [load(tmp_path / name, "agents:who")() for name in ("one", "two")] == ["one", "two"]
    assert sys.modules.get("agents") is before


def test_a_module_is_imported_once(tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text("made = []\ndef add(): made.append(1); return len(made)\n")
    assert [load(tmp_path, "agents:add")() for _ in range(3)] == [1, 2, 3]


def test_packages_with_relative_imports(tmp_path: Path) -> None:
    package = tmp_path / "team" / "inner"
    package.mkdir(parents=True)
    (tmp_path / "team" / "__init__.py").write_text("NAME = 'team'\n")
    (package / "__init__.py").write_text("")
    (package / "work.py").write_text(
        "from .. import NAME\nclass Office:\n    @staticmethod\n    def who(): return NAME\n"
    )
    assert load(tmp_path, "team.inner.work:Office.who")() == "team"


def test_python_path_entries_start_at_the_folder(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "agents.py").write_text("def who(): return 'lib'\n")
    assert load(tmp_path, "agents:who", python_path=["lib"])() == "lib"


def test_a_module_imports_what_stands_beside_it(tmp_path: Path) -> None:
    (tmp_path / "podium_test_sibling.py").write_text("VALUE = 5\n")
    (tmp_path / "agents.py").write_text("from podium_test_sibling import VALUE\ndef who(): return VALUE\n")
    try:
        assert load(tmp_path, "agents:who")() == 5
    finally:
        sys.modules.pop("podium_test_sibling", None)
        sys.path.remove(str(tmp_path))


def test_an_installed_module_is_found_too(tmp_path: Path) -> None:
    import json

    assert load(tmp_path, "json:loads") is json.loads


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text("number = 3\n")
    missing = failure(tmp_path, "nowhere:f")
    assert "there is no module 'nowhere'" in missing.title
    assert missing.detail.count(str(tmp_path)) == 1
    absent = failure(tmp_path, "agents:f")
    assert "agents:f is not there" in absent.title
    assert str(tmp_path / "agents.py") in absent.detail
    assert "agents:number is not callable" in failure(tmp_path, "agents:number").title
    assert "module:name" in failure(tmp_path, "agents.f").title


@pytest.mark.parametrize(
    ("source", "title", "detail"),
    [
        ("import nothing_like_this\n", "No module named 'nothing_like_this'", "agents.py"),
        ("def f(:\n", "SyntaxError", "agents.py"),
        ("def g():\n    1/0\ng()\n", "ZeroDivisionError", "in g"),
        ("import sys\nsys.exit(3)\n", "SystemExit: 3", "agents.py"),
    ],
)
def test_a_failing_import_tells_where_it_failed(tmp_path: Path, source: str, title: str, detail: str) -> None:
    (tmp_path / "agents.py").write_text(source)
    failed = failure(tmp_path, "agents:f")
    assert title in failed.title
    assert detail in failed.detail
    assert "importlib" not in failed.detail


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("async def f(x): ...", True),
        ("def f(x): ...", False),
        ("import functools\n@functools.cache\nasync def f(x): ...", True),
        ("async def f(x): ...\ndef f(x): ...", False),
        ("from other import f", True),
        ("from other import g as f", False),
        ("from .other import f", True),
        ("f = 3", False),
        ("def f(:", False),
        ("", False),
    ],
)
def test_async_is_seen_without_an_import(tmp_path: Path, source: str, expected: bool) -> None:
    (tmp_path / "agents.py").write_text(source + "\nraise RuntimeError\n")
    (tmp_path / "other.py").write_text("async def f(x): ...\ndef g(x): ...\n")
    assert plainly_async(tmp_path, "agents:f") is expected


def test_async_methods_are_seen(tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text(
        "class A:\n    @staticmethod\n    async def f(x): ...\n    def g(x): ...\n"
    )
    assert plainly_async(tmp_path, "agents:A.f")
    assert not plainly_async(tmp_path, "agents:A.g")
    assert not plainly_async(tmp_path, "agents:B.f")
