"""The door of the command line: one line for every error, help that is true, and a page that is whole."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from ruamel.yaml import YAML

from podium import __version__
from podium.cli import declaring
from podium.cli.app import COMMANDS, main
from podium.cli.exits import Exit

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "cli.md"


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PODIUM_STATE", raising=False)
    return tmp_path


def function(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(f"podium.cli.{module}"), name)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_the_command_says(name: str) -> None:
    said = (inspect.getdoc(function(COMMANDS[name].where)) or "").partition("\n")[0]
    assert said == COMMANDS[name].summary


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"Usage: podium {name}" in shown
    assert COMMANDS[name].summary.replace("`", "") in " ".join(shown.split())
    assert f"Example: {COMMANDS[name].example}" in " ".join(shown.split())
    assert COMMANDS[name].example.startswith(("podium " + name, "podium --state"))
    assert "--state" in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_has_every_command_and_option(name: str) -> None:
    sections = re.split(r"^### ", PAGE.read_text(), flags=re.MULTILINE)[1:]
    section = next(text for text in sections if text.startswith(f"`podium {name}"))
    own = inspect.signature(function(COMMANDS[name].where)).parameters.values()
    options = [
        "--" + parameter.name.rstrip("_").replace("_", "-")
        for parameter in own
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in ("options", "ready_fd")
    ]
    assert [option for option in options if option not in section] == []


def test_the_page_has_every_exit_code() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| (.+?) \|", PAGE.read_text(), flags=re.MULTILINE))
    assert rows.keys() == {str(int(code)) for code in Exit}


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["run"],
        ["run", "x", "--bogus"],
        ["get", "runs", "--limit", "many"],
        ["-o", "xml", "version"],
    ],
)
def test_what_is_not_understood(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == Exit.USAGE
    out, said = capsys.readouterr()
    assert out == ""
    assert said.startswith("podium: ")


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["version"], ["--version"]):
        assert main(arguments) == Exit.OK
        assert capsys.readouterr().out.strip() == __version__


def test_looking_where_nothing_is(capsys: pytest.CaptureFixture[str], somewhere: Path) -> None:
    assert main(["get", "runs"]) == Exit.UNREACHABLE
    assert "no hub has worked there" in capsys.readouterr().err
    assert list(somewhere.iterdir()) == []


def test_a_defect_is_one_line_and_goes_to_the_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, somewhere: Path
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr(declaring, "show_one", fail)
    (somewhere / "there").mkdir()
    assert main(["schema", "--state", "there"]) == Exit.DEFECT
    said = capsys.readouterr().err
    assert "a defect: ZeroDivisionError: nobody thought of this" in said
    assert "Traceback" not in said
    assert "Traceback" in (somewhere / "there" / "hub.log").read_text()
    assert main(["schema", "--debug"]) == Exit.DEFECT
    assert "Traceback" in capsys.readouterr().err


def test_the_schema_of_agents_knows_an_agent(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == Exit.OK
    schema = json.loads(capsys.readouterr().out)
    assert schema["properties"].keys() >= {"apiVersion", "kind", "metadata", "spec"}


def documents() -> list[Path]:
    """Every workflow document of the examples."""
    found = sorted((ROOT / "examples").rglob("*.yaml"))
    return [path for path in found if re.search(r"^document:", path.read_text(), flags=re.MULTILINE)]


def test_the_schema_of_workflows_takes_what_the_compiler_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "workflow"]) == Exit.OK
    check = jsonschema_rs.validator_for(json.loads(capsys.readouterr().out))
    for path in documents():
        for document in YAML(typ="safe").load_all(path):
            if "document" in document:
                assert [error.message for error in check.iter_errors(document)] == [], path
    header = {"dsl": "1.0.3", "namespace": "a", "name": "b", "version": "1.0.0"}
    good = {"x": {"call": "agent", "with": {"capability": "c"}, "then": "end"}}
    assert check.is_valid({"document": header, "do": [good]})
    for bad in ({"x": {"call": "agent", "with": {"capabilty": "c"}}}, {"x": {"st": {}}}, {"x": {}, "y": {}}):
        assert not check.is_valid({"document": header, "do": [bad]})


def test_doctor(capsys: pytest.CaptureFixture[str], somewhere: Path) -> None:
    assert main(["doctor", "-o", "json"]) == Exit.OK
    found = {row["check"]: row["status"] for row in json.loads(capsys.readouterr().out)}
    assert found.keys() == {
        "python", "sqlite", "state", "fsync", "disk", "clock", "hub", "socket", "jq", "schemas", "audit",
    }  # fmt: skip
    assert "fail" not in found.values()
    assert list(somewhere.iterdir()) == []
    (somewhere / ".podium").mkdir()
    (somewhere / ".podium" / "log.db").write_text(
        "no database, but quite long enough to be taken for one" * 30
    )
    assert main(["doctor"]) == Exit.REFUSED
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("fail"))
    assert "state" in line
