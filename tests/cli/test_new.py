"""What `podium new` writes works as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from podium.cli.app import main
from tests.cli.command import SOURCE, Command


@pytest.mark.parametrize("python", [False, True], ids=["yaml", "python"])
def test_a_new_project_runs_and_passes_its_test(podium: Command, python: bool) -> None:
    made = podium("new", "project", "order-desk", *(["--python"] if python else []))
    assert made.returncode == 0, made.stderr
    folder = podium.folder / "order-desk"
    assert {path.name for path in folder.iterdir()} == {
        "agents.py", "test_order_desk.py", "README.md", "workflows.py" if python else "workflow.yaml",
    }  # fmt: skip
    done = podium("run", str(folder), "--input", "name=Ada")
    assert json.loads(done.stdout) == {"text": "Hello, Ada!"}
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "."],
        cwd=folder, env={"PYTHONPATH": str(SOURCE), "PATH": ""}, capture_output=True, text=True,
    )  # fmt: skip
    assert tested.returncode == 0, tested.stdout


@pytest.mark.parametrize("kind", ["agent", "workflow", "test"])
def test_single_files_are_valid(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", kind, "a-b", "--to", str(tmp_path)]) == 0
    (path,) = [Path(line) for line in capsys.readouterr().out.split()]
    if kind == "test":
        compile(path.read_text(), path, "exec")
    else:
        assert main(["validate", str(path)]) == 0


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "agents.py").write_text("mine")
    assert main(["new", "project", "desk", "--to", str(tmp_path)]) == 5
    assert "already there" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["agents.py"]


@pytest.mark.parametrize("name", ["", "Desk", "a b", "../a", "-a", "a" * 64])
def test_what_is_no_name_is_refused(name: str, tmp_path: Path) -> None:
    assert main(["new", "project", name, "--to", str(tmp_path / "to")]) == 2
    assert not (tmp_path / "to").exists()
