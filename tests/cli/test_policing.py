"""Policies on the command line: tried, declared, looked at and deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from podium.cli.app import main
from podium.cli.exits import Exit

FINANCE = Path(__file__).resolve().parents[1] / "policy" / "finance.yaml"
SMALL = """\
apiVersion: podium.dev/v1
kind: Policy
metadata: {name: small, description: for trying}
spec:
  tiers: {1: {approvers: {roles: [operator]}, notRequester: true}}
  budgets: [{name: run, scope: [run], limit: {usd: "1.00", wallTime: 1h}}]
  rules:
    - {id: all, effect: allow}
    - {id: big, effect: approve, tier: 1, when: args.amount > 10, message: that is much}
  tests:
    - {name: little, with: {tool: pay.out, args: {amount: 5}}, expect: {decision: allow}}
"""


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PODIUM_STATE", raising=False)
    Path("small.yaml").write_text(SMALL)
    return tmp_path


def shown(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = Exit.OK) -> tuple[str, str]:
    assert main(list(arguments)) == code
    out, err = capsys.readouterr()
    return out, err


def test_tests_that_pass(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = shown(capsys, "policy", "test", str(FINANCE))
    assert out.count("\nok ") == 9 and out.startswith("ok ")
    assert err == "10 tests, all well\n"


def test_a_test_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    Path("small.yaml").write_text(SMALL.replace("decision: allow}}", "decision: deny, by: [big]}}"))
    out, err = shown(capsys, "policy", "test", "small.yaml", code=Exit.FAILED)
    assert "FAILED  small: little  small.yaml:11:7" in out
    assert "expects deny by big, but gets allow by all" in out
    assert err == "1 test, 1 failed\n"
    rows = json.loads(shown(capsys, "-o", "json", "policy", "test", "small.yaml", code=Exit.FAILED)[0])
    assert [(row["passed"], row["decision"], row["by"], row["line"]) for row in rows] == [
        (False, "allow", ["small/all"], 11)
    ]
    for command in ("validate", "apply"):
        _, said = shown(capsys, command, "small.yaml", code=Exit.USAGE)
        assert "small.yaml:11:7: the test `little` expects deny by big, but gets allow by all" in said


def test_an_explanation(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = shown(
        capsys, "policy", "explain", "small.yaml", "--value", "tool=pay.out", "--value", "args.amount=50",
        "--value", "cost.usd=0.25", "-v", "agent.roles=a,b", code=Exit.REFUSED,
    )  # fmt: skip
    lines = out.splitlines()
    assert lines[0] == "approve (tier 1) by small/big"
    assert lines[1:3] == ["  that is much", "  asks 1 of: operator, not who asked for it"]
    assert "small/all" in out and "args.amount" in out and "0.25" in out
    assert lines[-1] == "The tool pay.out is in the groups pay."


def test_an_explanation_of_a_test_or_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = shown(capsys, "policy", "explain", "small.yaml", "--test", "little")
    assert out.startswith("allow by small/all\n")
    Path("action.yaml").write_text("tool: pay.out\nargs: {amount: 11}\n")
    told = json.loads(
        shown(
            capsys,
            "-o",
            "json",
            "policy",
            "explain",
            "small.yaml",
            "--action",
            "@action.yaml",
            code=Exit.REFUSED,
        )[0]
    )
    assert told["decision"]["tier"] == 1
    assert told["decision"]["reads"] == {"args.amount": 11}
    out, _ = shown(
        capsys, "policy", "explain", "small.yaml", "--action", '{"tool": "pay.out"}', code=Exit.REFUSED
    )
    assert out.startswith("deny by small/error/big\n")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["small.yaml"], Exit.USAGE, "no action is given"),
        (["small.yaml", "--value", "tol=x"], Exit.USAGE, "Did you mean `tool`?"),
        (["small.yaml", "--value", "tool"], Exit.USAGE, "name=value"),
        (["small.yaml", "--value", "agent.depth=x"], Exit.USAGE, "a whole number"),
        (["small.yaml", "--value", "dest.url=nope"], Exit.USAGE, "absolute"),
        (["small.yaml", "--test", "other"], Exit.NOT_FOUND, "no test is named"),
        (["small.yaml", "--action", "@none.yaml"], Exit.NOT_FOUND, "none.yaml"),
        (["small.yaml", "--action", "[1]"], Exit.USAGE, "an object of values"),
        (["none.yaml", "--value", "tool=x"], Exit.NOT_FOUND, "none.yaml"),
    ],
)
def test_what_cannot_be_explained(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = shown(capsys, "policy", "explain", *arguments, code=code)
    assert out == ""
    assert said in err


def test_coverage(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = shown(capsys, "policy", "coverage", "small.yaml")
    rows = {tuple(line.split()[1:3]) for line in out.splitlines()[1:]}
    assert rows == {("all", "tested"), ("big", "untested"), ("budgets/run", "untested")}
    assert err == "1 of 3 parts tested\n"
    Path("small.yaml").write_text(SMALL.replace("args.amount > 10", "'1 > 2'"))
    out, err = shown(capsys, "policy", "coverage", "small.yaml", code=Exit.FAILED)
    assert "its condition is never true" in out
    assert err == "1 of 3 parts tested, 1 can never match\n"


def test_the_life_of_a_policy(capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = shown(capsys, "apply", "small.yaml")
    assert out.startswith("Policy/small@0.0.0+")
    listed = json.loads(shown(capsys, "-o", "json", "get", "policies")[0])
    assert [(row["name"], row["mode"], row["rules"], row["tests"], row["limits"]) for row in listed] == [
        ("small", "enforce", 2, 1, ["budgets"])
    ]
    out, _ = shown(capsys, "policy", "explain", "--value", "tool=pay.out", "--value", "args.amount=5")
    assert out.startswith("allow by small/all\n")
    assert json.loads(shown(capsys, "policy", "show", "small")[0])["rules"][1]["when"] == "args.amount > 10"
    Path("small.yaml").write_text(SMALL.replace("> 10", "> 20").replace("spec:", "spec:\n  mode: observe"))
    out, _ = shown(capsys, "plan", "small.yaml", code=Exit.DIFFERENCE)
    assert "the built-in policy `development` holds again" in " ".join(out.split())
    shown(capsys, "apply", "small.yaml")
    listed = json.loads(shown(capsys, "-o", "json", "get", "policies")[0])
    assert [(row["name"], row["mode"]) for row in listed] == [
        ("small", "observe"),
        ("development", "enforce"),
    ]
    out, _ = shown(capsys, "diff", "small", code=Exit.DIFFERENCE)
    assert "args.amount > 20" in out
    out, _ = shown(capsys, "delete", "policy", "small")
    assert out.count("Policy/small@") == 2
    out, _ = shown(
        capsys, "policy", "explain", "-v", "tool=pay.out", "-v", "tool.side_effect=true", code=Exit.REFUSED
    )
    assert out.startswith("approve (tier 1) by development/side-effects\n")


def test_the_built_in_policy_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(shown(capsys, "policy", "show", "development")[0])
    assert told["name"] == "development"
    assert {rule["id"] for rule in told["rules"]} >= {"agents", "side-effects"}


def test_the_schema_for_editors(capsys: pytest.CaptureFixture[str]) -> None:
    import jsonschema_rs
    from ruamel.yaml import YAML

    schema = json.loads(shown(capsys, "schema", "policy")[0])
    validator = jsonschema_rs.validator_for(schema)
    document = YAML(typ="safe").load(FINANCE.read_text())
    document["spec"]["tiers"] = {str(number): tier for number, tier in document["spec"]["tiers"].items()}
    assert [str(error) for error in validator.iter_errors(document)] == []
    document["spec"]["onError"] = "allow"
    assert not validator.is_valid(document)
