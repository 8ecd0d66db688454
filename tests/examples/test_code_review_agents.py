"""The agents of the code review one by one, without a hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import speaking
from complexity import UnparsableFiles, complexity
from lint import lint
from project import project
from reconcile import hotspots_of, reconcile
from security import looks_random, security
from speaking import CannotWork, Tool
from survey import CannotReview, survey

from tests.examples.repositories import FILES, SECRET, committed, git, lay


@pytest.fixture(autouse=True)
def silent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the agents say on their way."""
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(speaking, "_say", said.append)
    return said


# --- survey -----------------------------------------------------------------------------------


def test_survey(tmp_path: Path) -> None:
    root = committed(lay(tmp_path / "code", FILES))
    found = survey(str(root), str(tmp_path / "out"))
    assert found["name"] == "code"
    assert found["files"] == {"total": 7, "code": 5, "cut": False, "skipped": {"vendored": 1}}
    assert found["languages"][0] == {"name": "Python", "files": 5, "lines": 59, "code": True}
    assert found["roles"] == {"source": 54, "test": 5, "fixture": 0, "example": 0}
    assert (tmp_path / "out" / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"pyproject.toml": '[project]\nname = "shop"\n'}, "shop"),
        ({"package.json": '{\n  "name": "clock"\n}\n'}, "clock"),
        ({"pyproject.toml": "[project\n"}, "code"),
    ],
)
def test_a_project_has_the_name_it_gives_itself(tmp_path: Path, files: dict[str, str], name: str) -> None:
    root = lay(tmp_path / "code", files)
    assert survey(str(root), str(tmp_path / "out"))["name"] == name


def test_survey_refuses_what_holds_no_files(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "bare.git")
    (tmp_path / "file").touch()
    for name, said in {"bare.git": "bare repository", "file": "is a file", "x": "does not exist"}.items():
        with pytest.raises(CannotReview, match=said):
            survey(str(tmp_path / name), str(tmp_path / "out"))


def test_survey_refuses_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    root = lay(tmp_path / "code", FILES)
    with pytest.raises(CannotReview, match=r"README\.md cannot be made: .*; give another folder"):
        survey(str(root), str(root / "README.md"))
    with pytest.raises(CannotReview, match="Not a directory"):
        survey(str(root), str(root / "README.md" / "out"))


def test_the_report_may_lie_in_the_folder_itself(tmp_path: Path) -> None:
    root = lay(tmp_path, {**FILES, ".gitignore": "*.log\n"})
    assert survey(str(root), str(root))["files"]["total"] == 8
    assert (root / ".gitignore").read_text() == "*.log\n"


# --- lint and security ------------------------------------------------------------------------


def linted(root: Path) -> set[tuple[str, str]]:
    found = lint({"root": str(root), "out": str(root / "out")})["findings"]
    return {(f["rule"], place["path"]) for f in found for place in f["places"]}


def test_lint_leaves_out_what_holds_only_by_the_letter(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {
            "annotated.py": "def f(x: Later) -> 'Never': ...\ny: Other\n",
            "undefined.py": "print(nobody)\nprint(unicode)\nprint(_('text'))\n",
            "pkg/__init__.py": "import os\nfrom .a import *\n",
            "compat.py": "import os\n",
            "unused.py": "import os\n",
            "tests/test_a.py": "with raises(E):\n    a == 1\n\n\n\n\ndef test_a():\n    b == 2\n",
            "tests/helper.py": "import os\nprint(nobody)\n",
            "own/skipped.py": "print(nobody)\n",
            "debugged.py": "import pdb\n\npdb.set_trace()\n",
            "debugger.py": "from own import rdb\n\nrdb.set_trace()\n",
            "pyproject.toml": '[tool.ruff]\nexclude = ["own"]\n',
        },
    )
    assert linted(tmp_path) == {
        ("F821", "undefined.py"),
        ("F401", "unused.py"),
        ("T100", "debugged.py"),
        ("B015", "tests/test_a.py"),
        ("F821", "tests/test_a.py"),
    }


def test_lint_names_what_it_cannot_parse(tmp_path: Path) -> None:
    found = lint({"root": str(lay(tmp_path, FILES)), "out": str(tmp_path / "out")})
    assert [(file["path"], file["line"]) for file in found["unparsable"]] == [("shop/broken.py", 1)]
    assert (found["files"], found["seen"]) == (5, 5)
    assert found["tool"].startswith("ruff ")


def test_lint_of_nothing(tmp_path: Path) -> None:
    found = lint({"root": str(tmp_path), "out": str(tmp_path / "out")})
    assert (found["tool"], found["files"], found["seen"], found["findings"]) == ("no Python files", 0, 0, [])


@pytest.mark.parametrize(
    ("text", "random"),
    [
        (SECRET, True),
        ("8f14e45fceea167a", True),
        ("hunter2", False),
        ("aaaaaaaaaaaaaaa1", False),
        ("a perfectly normal sentence 1", False),
        ("/usr/local/lib/python3", False),
        ("change-this-password-1", False),
        ("123456789012345678", False),
        ("{user}:{word}@host1", False),
    ],
)
def test_what_looks_like_a_secret(text: str, random: bool) -> None:
    assert looks_random(text) is random


def test_security_finds_secrets_everywhere_and_repeats_none(tmp_path: Path) -> None:
    token = "ghp_" + "k3J9x" * 7 + "z"
    lay(tmp_path, FILES)
    lay(tmp_path, {"deploy.yaml": f"token: {token}\n", "tests/test_b.py": f"eval(x)\nT = '{token}'\n"})
    found = security({"root": str(tmp_path), "out": str(tmp_path / "out")})
    rules = {(f["rule"], f["role"], f["places"][0]["path"]) for f in found["findings"]}
    assert rules == {
        ("access-token", "source", "deploy.yaml"),
        ("access-token", "test", "tests/test_b.py"),
        ("B105", "source", "shop/prices.py"),
        ("B307", "source", "shop/prices.py"),
    }
    assert token not in str(found) and SECRET not in str(found)


@pytest.fixture
def picky(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tool that breaks on some files."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "picky").write_text(
        '#!/bin/sh\ncase "$*" in *bad*) echo broken >&2; exit 3;; esac\necho "[$#]"\n'
    )
    (folder / "picky").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return tmp_path


def test_a_file_that_breaks_a_tool_costs_that_file_only(picky: Path, silent: list[dict[str, Any]]) -> None:
    tool = Tool("picky")
    paths = [f"{number}.py" for number in range(5)] + ["bad.py"] + [f"{number}.py" for number in range(6, 20)]
    said = list(tool.judge(picky, paths, 8, 60))
    assert sum(count for (count,) in said) == tool.seen == 19
    assert silent[-1] == {"progress": {"seen": 19, "of": 20}}


def test_a_tool_that_is_broken_is_given_up(picky: Path) -> None:
    with pytest.raises(CannotWork, match="picky broke: broken"):
        list(Tool("picky").judge(picky, [f"bad{number}.py" for number in range(100)], 50, 60))
    with pytest.raises(CannotWork, match="no-such-tool is not installed"):
        list(Tool("no-such-tool").judge(picky, ["a.py"], 50, 60))


# --- complexity -------------------------------------------------------------------------------


def test_complexity_refuses_what_does_not_parse_unless_told(tmp_path: Path) -> None:
    root = lay(tmp_path, {**FILES, "tests/data/wrong.py": "def (\n", "x.js": "if (a) {}\n"})
    (root / "latin.py").write_bytes(b"x = 'caf\xe9'\n")
    (root / "declared.py").write_bytes(b"# coding: latin-1\nx = 'caf\xe9'\n")
    with pytest.raises(UnparsableFiles, match=r"^2 files do not parse: latin.py:1, shop/broken.py:1$"):
        complexity(str(root), str(root / "out"))
    found = complexity(str(root), str(root / "out"), skip_unparsable=True)
    assert [(f["path"], f["role"]) for f in found["unparsable"]] == [
        ("latin.py", "source"), ("shop/broken.py", "source"), ("tests/data/wrong.py", "fixture"),
    ]  # fmt: skip
    assert found["measured"][0]["path"] == "shop/prices.py"
    assert {"path": "x.js", "role": "source", "lines": 1, "branches": 1} in found["measured"]
    assert found["functions"][0]["name"] == "total"
    assert found["spread"] == {"0-5": 6, "6-15": 0, "16-25": 0, "26-50": 0, "over 50": 1}


# --- the project around -----------------------------------------------------------------------


def around(root: Path) -> dict[str, Any]:
    return project(str(root), str(root / "out"))


def test_requirements_and_pipelines(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {
            "requirements.txt": (
                "# comment\n-f http://example.org\nflask>=2 \\\n  ; python_version > '3'\n"
                "click==8.1 # pinned\nrich @ https://example.org/rich.whl\n-r other.txt\n"
            ),
            "requirements/locked.txt": "a==1 \\\n    --hash=sha256:00\n",
            "package.json": '{"dependencies": {"left": "*", "right": "^1.0.0"}}',
            ".github/workflows/ci.yml": (
                f"steps:\n  - uses: actions/checkout@v4\n  - uses: a/b@main\n  - uses: c/d@{'0' * 40}\n"
            ),
            "tests/test_a.py": "def test_a(): ...\nasync def test_b(): ...\n",
            "tests/a.test.ts": "it('works', () => {})\n",
            "COPYING": "GNU LESSER GENERAL PUBLIC LICENSE",
        },
    )
    found = around(tmp_path)
    loose = [(place["line"], place["message"].split()[0]) for place in found["loose"]]
    assert loose == [(3, "flask>=2")]
    assert [place["line"] for place in found["insecure"]] == [2]
    assert [place["message"] for place in found["loose_npm"]] == ["left"]
    actions = [(place["line"], place["message"], place["branch"]) for place in found["actions"]]
    assert actions == [(2, "actions/checkout@v4", False), (3, "a/b@main", True)]
    assert found["tests"] == {"files": 2, "cases": 3}
    assert (found["licence"], found["ci"]) == ("LGPL", ["GitHub Actions"])
    assert found["locks"] == ["requirements/locked.txt"]


@pytest.mark.parametrize("manifest", ["not json", "[]", '{"dependencies": 3}', "{}"])
def test_a_manifest_that_makes_no_sense_says_nothing(tmp_path: Path, manifest: str) -> None:
    assert around(lay(tmp_path, {"package.json": manifest}))["loose_npm"] == []


def test_a_part_of_a_project_is_known_as_one(tmp_path: Path) -> None:
    assert around(lay(tmp_path / "sdist", {"PKG-INFO": "Name: a\n"}))["partial"]
    assert around(lay(tmp_path / "npm", {"package.json": "{}"}))["partial"]
    assert not around(lay(tmp_path / "app", {"package.json": "{}", "package-lock.json": "{}"}))["partial"]
    root = committed(lay(tmp_path / "code", FILES))
    assert not around(root)["partial"]
    assert around(root / "shop")["partial"]


# --- reconciling ------------------------------------------------------------------------------


def measured(path: str, branches: int, lines: int = 100, role: str = "source") -> dict[str, Any]:
    return {"path": path, "role": role, "branches": branches, "lines": lines}


def test_hotspots_are_where_change_and_complexity_meet() -> None:
    files = [measured("calm.py", 100), measured("hot.py", 50), measured("t.py", 99, role="test")]
    changed = [{"path": "hot.py", "commits": 10, "fixes": 1, "people": 2}, {"path": "gone.py", "commits": 99}]
    found = hotspots_of({"changed": changed}, files)
    assert found["by"] == "commits"
    assert [(spot["path"], spot["heat"]) for spot in found["files"]] == [("hot.py", 0.5), ("calm.py", 0)]
    still = hotspots_of({}, [measured("short.py", 10, 10), measured("long.py", 5, 1000)])
    assert still["by"] == "lines"
    assert [spot["path"] for spot in still["files"]] == ["long.py", "short.py"]
    assert hotspots_of({}, []) == {"by": "lines", "files": []}


@pytest.fixture
def parts(tmp_path: Path) -> dict[str, Any]:
    """What the agents hand over of a small project."""
    root, out = str(lay(tmp_path / "code", FILES)), str(tmp_path / "out")
    given = {"root": root, "out": out}
    return {
        "survey": survey(root, out),
        "lint": lint(given),
        "security": security(given),
        "complexity": complexity(root, out, skip_unparsable=True),
        "project": project(root, out),
    }


def test_reconcile_tells_broken_from_newer(parts: dict[str, Any]) -> None:
    def newer() -> list[bool]:
        return [file["newer"] for file in reconcile(**parts)["unparsable"]]

    assert newer() == [False]
    parts["lint"]["unparsable"] = []
    assert newer() == [True]
    parts["lint"]["seen"] -= 1
    assert newer() == [False]
    parts["lint"] = {"failed": "no ruff"}
    assert newer() == [False]


def test_reconcile_goes_on_without_anyone(parts: dict[str, Any]) -> None:
    missing = {name: {"failed": f"no {name}"} for name in parts if name != "survey"}
    review = reconcile(survey=parts["survey"], **missing)
    assert [said for said in review["degraded"] if "is missing" in said] == [
        "Lint is missing: no lint", "Security is missing: no security",
        "Complexity is missing: no complexity", "Project is missing: no project",
    ]  # fmt: skip
    assert {area["mark"] for area in review["areas"]} == {"unknown"}
    assert [part["status"] for part in review["parts"]] == ["done"] + ["failed"] * 4
    assert review["findings"] == []


def test_reconcile_says_what_was_not_reached(parts: dict[str, Any]) -> None:
    parts["security"]["seen"] = 1
    parts["survey"]["files"]["cut"] = True
    degraded = reconcile(**parts)["degraded"]
    assert "Security looked at 1 of 4 files; the others took too long, or broke it." in degraded
    assert "The folder is larger than what is read: 7 files count." in degraded


def test_reconcile_shows_code_but_no_secret(parts: dict[str, Any]) -> None:
    findings = {found["rule"]: found for found in reconcile(**parts)["findings"]}
    assert findings["B307"]["code"] == "return eval(rule)"
    assert "code" not in findings["B105"]
    assert SECRET not in str(findings)
