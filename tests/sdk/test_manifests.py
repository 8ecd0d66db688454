"""Files and folders become documents; whatever does not is a problem, and never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.facts.catalog import Declared
from podium.facts.values import Problem
from podium.sdk.manifests import load

AGENT = """\
apiVersion: podium.dev/v1
kind: Agent
metadata: {{name: {name}}}
spec:
  version: 1.0.0
  capabilities: [{{name: do.it, input: {schema}}}]
  runtime: {{process: {{command: [run]}}}}
"""
WORKFLOW = "document: {dsl: '1.0.3', namespace: a, name: b, version: 1.0.0}\ndo: []\n"
PYTHON = """\
from podium.sdk.agent import agent
@agent(name="{name}", version="1.0.0")
async def work(x): return x
"""


def write(folder: Path, **files: str | bytes) -> Path:
    """Files by their paths, with `__` for a slash and `_dot_` for a dot."""
    for key, content in files.items():
        path = folder / key.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


@pytest.fixture(autouse=True)
def _modules_stay_as_they_were() -> Iterator[None]:
    before = dict(sys.modules), list(sys.path)
    yield
    sys.modules.clear()
    sys.modules.update(before[0])
    sys.path[:] = before[1]


def problems_of(*paths: Path) -> tuple[Problem, ...]:
    return load(paths).problems


def test_a_folder_with_all_that_it_may_hold(tmp_path: Path) -> None:
    write(
        tmp_path,
        agents_dot_yaml=AGENT.format(name="one", schema="schemas/in.json") + "---\n" + WORKFLOW,
        deep__down__more_dot_yml=AGENT.format(name="two", schema="{}"),
        deep__agents_dot_py=PYTHON.format(name="three"),
        schemas__in_dot_json='{"type": "object"}',
        notes_dot_yaml="just: notes\n",
        k8s_dot_yaml="apiVersion: apps/v1\nkind: Deployment\nspec: {{ broken }}\n",
        package_dot_json='{"name": "x", "other": {"document": 1}}',
        broken_dot_json='{"name": ',
        _dot_hidden__agents_dot_yaml="apiVersion: podium.dev/v1\nkind: Nonsense\n",
        env__pyvenv_dot_cfg="",
        env__lib__agents_dot_yaml="apiVersion: podium.dev/v1\nkind: Nonsense\n",
        lib__agents_dot_py="raise SystemExit('not for us')\n",
        readme_dot_md="apiVersion: podium.dev/v1\n",
    )
    loaded = load([tmp_path])
    assert loaded.problems == ()
    assert [(d.kind, d.name) for d in loaded.documents] == [
        ("Agent", "one"),
        ("Workflow", "a/b"),
        ("Agent", "three"),
        ("Agent", "two"),
    ]
    assert loaded.documents[0].spec["capabilities"][0]["input"] == {"type": "object"}
    assert loaded.documents[0].spec["folder"] == str(tmp_path)
    assert loaded.documents[3].spec["folder"] == str(tmp_path / "deep" / "down")


def test_documents_as_the_hub_takes_them(tmp_path: Path) -> None:
    write(tmp_path, a_dot_yaml=AGENT.format(name="one", schema="{}"))
    [declared] = load([tmp_path]).resources
    assert isinstance(declared, Declared)
    assert (declared.kind, declared.name, declared.version) == ("Agent", "one", "1.0.0")
    assert declared.spec["runtime"]["cwd"] == str(tmp_path)


def test_a_file_named_is_held_to_declare_something(tmp_path: Path) -> None:
    write(
        tmp_path,
        notes_dot_yaml="just: notes\n",
        empty_dot_yaml="# nothing\n",
        k8s_dot_yaml="apiVersion: apps/v1\nkind: Deployment\n",
        plain_dot_py="x = 1\n",
        readme_dot_md="",
    )
    files = ["notes.yaml", "empty.yaml", "k8s.yaml", "plain.py", "readme.md", "none.yaml"]
    problems = problems_of(*(tmp_path / name for name in files))
    assert sorted((Path(p.file).name, p.rule) for p in problems) == [
        ("empty.yaml", "empty"),
        ("k8s.yaml", "unknown-kind"),
        ("k8s.yaml", "unknown-version"),
        ("none.yaml", "file"),
        ("notes.yaml", "unknown-document"),
        ("plain.py", "empty"),
        ("readme.md", "file"),
    ]


def test_problems_have_their_file_line_and_column(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_dot_yaml=AGENT.format(name="One", schema="nope.json"),
        b_dot_yaml="document:\n\tx: 1\n",
        c_dot_yaml=b"apiVersion: podium.dev/v1\nkind: \xff\n",
    )
    found = [(Path(p.file).name, p.rule, p.line, p.column) for p in problems_of(tmp_path)]
    assert found == [
        ("a.yaml", "name", 3, 18),
        ("a.yaml", "schema-file", 6, 39),
        ("b.yaml", "yaml-syntax", 2, 1),
        ("c.yaml", "not-utf-8", 2, 7),
    ]


def test_a_large_file_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.write(b"# podium\n")
        file.truncate(2**40)
    assert [p.rule for p in problems_of(path)] == ["too-large"]


def test_what_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    os.mkfifo(tmp_path / "pipe.yaml")
    write(tmp_path, a_dot_yaml=AGENT.format(name="one", schema="folder.json"))
    (tmp_path / "folder.json").mkdir()
    problems = problems_of(tmp_path)
    assert sorted((Path(p.file).name, p.rule) for p in problems) == [
        ("a.yaml", "schema-file"),
        ("loop.yaml", "file"),
        ("pipe.yaml", "file"),
    ]


def test_the_same_resource_twice(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_dot_yaml=AGENT.format(name="one", schema="{}"),
        b_dot_yaml="\n" + AGENT.format(name="one", schema="{}"),
        c_dot_yaml="\n" + AGENT.format(name="one", schema="true"),
    )
    loaded = load([tmp_path, tmp_path / "a.yaml"])
    assert [d.name for d in loaded.documents] == ["one"]
    [problem] = loaded.problems
    assert (problem.rule, Path(problem.file).name, problem.line) == ("duplicate-resource", "c.yaml", 2)
    assert "a.yaml" in problem.message


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("# podium\nx = 1 +\n", 2, "SyntaxError"),
        ("# podium\nimport no_such_module_anywhere\n", 2, "no_such_module_anywhere"),
        ("# podium\ndef f():\n    raise ValueError('why\\nnot')\nf()\n", 3, "ValueError: why not"),
        ("# podium\nimport sys\nsys.exit(3)\n", 3, "SystemExit"),
        ("# podium \x00\n", 0, "null bytes"),
    ],
)
def test_a_module_that_cannot_be_imported_is_a_problem(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    write(tmp_path, agents_dot_py=text)
    [problem] = problems_of(tmp_path)
    assert (problem.rule, Path(problem.file).name, problem.line) == ("import", "agents.py", line)
    assert words in problem.message


def test_modules_of_one_name_in_two_folders(tmp_path: Path) -> None:
    write(
        tmp_path,
        a__agents_dot_py=PYTHON.format(name="one"),
        b__agents_dot_py="import neighbour  # podium\nfrom neighbour import work\n",
        b__neighbour_dot_py=PYTHON.format(name="two"),
    )
    loaded = load([tmp_path])
    assert loaded.problems == ()
    assert [(d.name, d.spec["runtime"]["callable"], d.spec["folder"]) for d in loaded.documents] == [
        ("one", "agents:work", str(tmp_path / "a")),
        ("two", "neighbour:work", str(tmp_path / "b")),
    ]
    assert str(tmp_path / "a") not in sys.path


def test_a_module_of_a_package(tmp_path: Path) -> None:
    write(
        tmp_path,
        team__init___dot_py="",
        team__inner__agents_dot_py="from .shared import NAME\n" + PYTHON.replace('"{name}"', "NAME"),
        team__inner__shared_dot_py="NAME = 'one'\n",
    )
    (tmp_path / "team" / "__init__.py").touch()
    (tmp_path / "team" / "inner" / "__init__.py").touch()
    [document] = load([tmp_path]).documents
    assert document.spec["runtime"]["callable"] == "team.inner.agents:work"
    assert document.spec["folder"] == str(tmp_path)
