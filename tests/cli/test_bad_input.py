"""Bad input through the real command line: named with its place and exit code; it ends no hub."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from podium.resources.places import DEPTH_MAX
from tests.cli.command import Command, until

# One hub serves most of these tests, so one worker runs them.
pytestmark = pytest.mark.xdist_group("bad-input")

DOCUMENT = "document: {dsl: '1.0.3', namespace: t, name: %s, version: '1.0.0'}\n"
ONE_TASK = DOCUMENT + "do:\n  - task: %s\n"


@pytest.fixture(scope="module")
def podium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """A folder with a hub that serves it for the whole module, and must outlive whatever is thrown at it."""
    command = Command(tmp_path_factory.mktemp("bad"))
    (command.team / "bad.yaml").write_text("---\n".join(bad_agents()))
    (command.team / "bad.py").write_text(BAD_FUNCTIONS)
    (command.team / "bad_import.py").write_text("def f(x): return x\nraise RuntimeError('not today')\n")
    (command.team / "bad_syntax.py").write_text("def f(x: return x\n")
    hub = command.start("up")
    until(command.hub)
    applied = command("apply", "team")
    assert applied.returncode == 0, applied.stderr
    yield command
    assert hub.poll() is None, "the hub ended"
    assert command("audit", "verify").returncode == 0
    log = (command.state / "hub.log").read_text()
    assert "Traceback" not in "".join(line for line in log.splitlines() if "podium.agent" not in line)
    command.close()


def refuses(done: subprocess.CompletedProcess[str], code: int, *said: str) -> None:
    """It ended with this code, said these things, and showed neither data nor a traceback."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for words in said:
        assert words in done.stderr


# --- manifests --------------------------------------------------------------------------------


AGENT = """\
apiVersion: podium.dev/v1
kind: Agent
metadata: {name: x}
spec: {version: 1.0.0, capabilities: %s, runtime: {function: {callable: 'm:f'}}}
"""

MANIFESTS: list[tuple[str, bytes | str, int, str]] = [
    ("invalid", "document: {dsl: '1.0.3'\ndo:\n  - a: [\n", 2, "invalid.yaml:2:1: Not YAML"),
    ("tab", ONE_TASK % ("b", "{set: {x: 1}}") + "\tb: 1\n", 2, "tab.yaml:4:1: A tab"),
    ("twice", ONE_TASK % ("b", "{set: {x: 1, x: 2}}"), 2, "twice.yaml:3:24: `x` is given twice"),
    ("unknown", ONE_TASK % ("b", "{st: {x: 1}}"), 2, "unknown.yaml:3:11: Nothing says"),
    ("field", ONE_TASK % ("b", "{call: agent, with: {capabilty: c}}"), 2, "Did you mean `capability`?"),
    ("kind", AGENT.replace("Agent", "Agnet") % "[{name: c}]", 2, "Did you mean `Agent`?"),
    ("type", AGENT % "3", 2, "type.yaml:4:38: `spec.capabilities` must be a list"),
    ("tasks", DOCUMENT % "b" + "do: 3\n", 2, "tasks.yaml:2:5: A list of tasks must be a list"),
    ("jq", ONE_TASK % ("b", "{set: {x: '${ .a | | }'}}"), 2, "jq.yaml:3:21: `.a | |` is no expression"),
    ("nojq", ONE_TASK % ("b", "{set: {x: '${ nowhere(1) }'}}"), 2, "nowhere/1 is not defined"),
    ("agent", ONE_TASK % ("b", "{call: agent, with: {agent: ghost}}"), 6, "no agent is named ghost"),
    ("capability", ONE_TASK % ("b", "{call: agent, with: {capability: go}}"), 6, "3:31: no agent offers go"),
    ("empty", "", 2, "empty.yaml:1:1: The file declares nothing: it is empty"),
    ("binary", bytes(range(256)) * 10, 2, "binary.yaml"),
    ("latin", "document: é".encode("latin-1"), 2, "latin.yaml:1:11: Byte 10 (0xe9) is not UTF-8"),
    ("deep", "a: " + "[" * 5000 + "]" * 5000, 2, f"nest deeper than {DEPTH_MAX} levels"),
    ("huge", b"# " + b"x" * 5_000_000, 2, "at most 4,194,304 are read"),
    ("nothing", "a: 1\n", 2, "This declares nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "code", "said"), MANIFESTS, ids=[row[0] for row in MANIFESTS])
def test_manifests(podium: Command, name: str, text: bytes | str, code: int, said: str) -> None:
    file = podium.folder / f"{name}.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = podium("run", file.name)
    refuses(done, code, said)
    assert max(map(len, done.stderr.splitlines())) < 400


def test_what_is_no_manifest(podium: Command) -> None:
    folder = podium.folder / "odd"
    (folder / "loop").mkdir(parents=True)
    (folder / "loop" / "self").symlink_to(folder / "loop")
    (folder / "a.yaml").symlink_to("b.yaml")
    (folder / "b.yaml").symlink_to("a.yaml")
    (folder / "notes.txt").write_text("no manifest")
    os.mkfifo(folder / "pipe.yaml")
    refuses(podium("run", "odd/loop"), 2, "odd/loop: nothing is declared there")
    refuses(podium("run", "odd/a.yaml"), 4, "odd/a.yaml is a link that leads nowhere")
    refuses(podium("run", "odd/pipe.yaml"), 2, "not a regular file")
    refuses(podium("run", "odd/notes.txt"), 2, "is no manifest by its name")
    refuses(podium("run", "missing.yaml"), 4, "there is no file or folder missing.yaml")
    refuses(podium("run", "x" * 5000), 2, "File name too long")
    refuses(podium("run", "missing"), 4, "no workflow is named missing", "nor is there a file or folder")
    refuses(podium("validate", "missing.yaml", "odd/b.yaml"), 4, "missing.yaml", "odd/b.yaml")
    refuses(podium("apply"), 2, "no file is named")


# --- agents -----------------------------------------------------------------------------------


BAD_FUNCTIONS = """\
import math, os

def huge(x): return {"x": "y" * 50_000_000}
def nan(x): return {"x": math.nan}
def breaks(x): return {"wrong": 1}
def raises(x): raise ValueError("half a character \\udce9")
def ends(x): os._exit(3)
def deep(x):
    made = []
    for _ in range(3000): made = [made]
    return made
async def soon(x): raise ValueError("half a character \\udce9")
async def big(x): return {"x": "y" * 50_000_000}
def a_set(x): return {"x": {2}}
number = 3
"""

FUNCTIONS = {
    "huge": ("bad:huge", "the output is larger than 16 MiB"),
    "big": ("bad:big", "the output is larger than 16 MiB"),
    "nan": ("bad:nan", "the output is not JSON"),
    "deep": ("bad:deep", "the output is not JSON"),
    "breaks": ("bad:breaks", "breaks@1.0.0 broke its contract"),
    "raises": ("bad:raises", "ValueError: half a character \\udce9"),
    "soon": ("bad:soon", "ValueError: half a character \\udce9"),
    "ends": ("bad:ends", "process exited with code 3"),
    "no-module": ("nowhere:f", "there is no module 'nowhere'"),
    "no-name": ("bad:nothing", "bad:nothing is not there"),
    "no-function": ("bad:number", "bad:number is not callable"),
    "no-import": ("bad_import:f", "RuntimeError: not today"),
    "no-syntax": ("bad_syntax:f", "SyntaxError"),
    "a-set": ("bad:a_set", ""),
}

PROGRAMS = {
    "rubbish": ("echo rubbish", "stdout is not JSON"),
    "silent": ("true", "the agent wrote nothing to stdout"),
    "latin": (r"printf '\377\376'", "stdout is not UTF-8"),
    "half": (r"""printf '{"a": '""", "stdout is not JSON"),
    "flood": (r"""printf '{"x": "'; head -c 50000000 /dev/zero | tr '\0' a; printf '"}'""", "larger than"),
    "blank": (r"head -c 50000000 /dev/zero | tr '\0' '\n'", "the agent wrote nothing to stdout"),
    "scream": (r"head -c 50000000 /dev/zero | tr '\0' a >&2; exit 3", "process exited with code 3"),
    "twice": (r"""echo '{"a": 1}'; echo '{"a": 2}'""", "stdout is not JSON"),
    "money": (r"""echo '{"result": 1, "cost_nano": 1e400}'""", "stdout is not JSON"),
}  # fmt: skip

TASKS = {
    "endless": ("{set: {x: '${ last(range(infinite)) }'}}", "it ran longer than 1000 ms"),
    "greedy": (
        """{set: {x: '${ reduce range(99) as $i ("aaaa"; . + .) }'}}""",
        "it needed more than 512 MiB",
    ),
    "wrong": ("{set: {x: '${ 1 | .a }'}}", "Cannot index number"),
}


def bad_agents() -> Iterator[str]:
    """Each as an agent and a workflow of its name."""
    for name, (callable, _) in FUNCTIONS.items():
        yield manifest(name, {"function": {"callable": callable}})
    for name, (command, _) in PROGRAMS.items():
        yield manifest(name, {"process": {"command": ["sh", "-c", command]}})
    yield manifest("no-program", {"process": {"command": ["no-such-program"]}})
    for name in (*FUNCTIONS, *PROGRAMS, "no-program"):
        yield ONE_TASK % (name, f"{{call: agent, with: {{agent: {name}}}}}")
    for name, (task, _) in TASKS.items():
        yield ONE_TASK % (name, task)
    yield ONE_TASK % ("echo", "{set: '${ . }'}")


def manifest(name: str, runtime: dict[str, Any]) -> str:
    spec = {
        "version": "1.0.0", "retry": {"attempts": 1}, "runtime": runtime,
        "capabilities": [{"name": name, "output": {"not": {"required": ["wrong"]}}}],
    }  # fmt: skip
    whole = {"apiVersion": "podium.dev/v1", "kind": "Agent", "metadata": {"name": name}, "spec": spec}
    return json.dumps(whole) + "\n"


@pytest.fixture(scope="module")
def ended(podium: Command) -> dict[str, dict[str, Any]]:
    """What became of a run of each."""
    names = [*FUNCTIONS, *PROGRAMS, *TASKS, "no-program"]
    done = podium("batch", input="".join(f'{{"id": "{name}", "workflow": "{name}"}}\n' for name in names))
    assert done.returncode == 1, done.stderr
    return {row["id"]: row for row in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize(
    ("name", "said"),
    [(name, said) for name, (_, said) in {**FUNCTIONS, **PROGRAMS, **TASKS}.items() if said]
    + [("no-program", "there is no program 'no-such-program'")],
)
def test_agents_and_expressions(ended: dict[str, dict[str, Any]], name: str, said: str) -> None:
    row = ended[name]
    assert row["status"] == "faulted"
    assert said in f"{row['error']['title']}\n{row['error']['detail']}"
    assert row["error"]["instance"] == "/do/0/task"
    assert row["output"] is None


def test_a_set_is_a_list(ended: dict[str, dict[str, Any]]) -> None:
    assert ended["a-set"]["output"] == {"x": [2]}


def test_a_fault_says_where_to_read_on(podium: Command, ended: dict[str, dict[str, Any]]) -> None:
    done = podium("run", "no-import")
    assert (done.returncode, done.stdout) == (1, "")
    assert "bad_import.py" in done.stderr
    assert "importlib" not in done.stderr
    assert "what led to it: podium story" in done.stderr


# --- values -----------------------------------------------------------------------------------


FILES: dict[str, tuple[bytes, str]] = {
    "bad.json": (b'{"a": \n', "bad.json is not JSON: Expecting value (line 2, column 1)"),
    "latin.json": (b'{"a": "\xe9"}', "latin.json is not UTF-8"),
    "half.json": (b'{"a": "\\ud800"}', "half of a surrogate pair"),
    "nan.json": (b'{"a": NaN}', "it has no number NaN"),
    "large.json": (b'{"a": 1e999}', "the number 1e999 is too large"),
    "digits.json": (b"9" * 5000, "more than 4,300 digits"),
    "twice.json": (b'{"a": {"b": 1, "b": 2}}', "'b' is given twice in one object"),
    "deep.json": (b"[" * 100_000 + b"]" * 100_000, "it is nested too deeply"),
    "levels.json": (b"[" * 300 + b"]" * 300, "the value at /input has more than 200 levels"),
    "huge.json": (b'{"x": "' + b"y" * 50_000_000 + b'"}', "has more than 16777216 characters"),
    "request.json": (b'["' + b"y" * 70_000_000 + b'"]', "a hub takes 67,108,864 at most"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_input(podium: Command, name: str) -> None:
    text, said = FILES[name]
    (podium.folder / name).write_bytes(text)
    refuses(podium("run", "echo", "--input", f"@{name}"), 2, said)
    (podium.folder / name).unlink()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("run", "echo", "-i", "a"), 2, "neither key=value nor @file"),
        (("run", "echo", "-i", "@missing.json"), 2, "missing.json cannot be read: No such file"),
        (("run", "echo", "-i", "a=@team"), 2, "team cannot be read: Is a directory"),
        (("run", "echo", "-i", 'a={"b": NaN}'), 2, "the value of a is not JSON"),
        (("run", "echo", "-i", "a=1", "-i", "a.b=2"), 2, "is not an object"),
        (("run", "echo", "--label", "a"), 2, "the label 'a' is not written as key=value"),
        (("run", "echo", "--timeout", "nan"), 2, "--timeout is nan"),
        (("run", "echo", "--timeout", "-1"), 2, "--timeout is -1"),
        (("run", "echo", "--imput", "a=1"), 2, "Did you mean --input?"),
        (("rnu", "echo"), 2, 'Did you mean "run"?'),
        (("get", "rusn"), 2, 'Did you mean "runs"?'),
        (("get", "runs", "--limit", "0"), 2, "`limit` is 0; it must be 1 to 10000"),
        (("describe", "run", "zzz"), 4, "there is no run 'zzz'; `podium get runs` lists them"),
        (("story", ""), 4, "there is no run ''"),
        (("answer", "zzz", "--data", "{"), 2, "the value is not JSON"),
        (("send", "--type", ""), 2, "`type` of an event must be a text"),
        (("resolve", "zzz", "--verdict", "perhaps"), 2, "perhaps"),
        (("batch", "--in-flight", "100000"), 2, "it must be 1 to 4000"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_arguments(podium: Command, arguments: tuple[str, ...], code: int, said: str) -> None:
    refuses(podium(*arguments), code, said)


def test_arguments_that_are_no_text(podium: Command) -> None:
    odd = os.fsdecode(b"a=\xff\xfe")
    refuses(podium("run", "echo", "-i", odd), 2, "argument 4 is not UTF-8")
    refuses(podium("get", "runs", "--workflow", odd), 2, "argument 4 is not UTF-8")


def test_a_beginning_that_several_runs_share(podium: Command) -> None:
    done = podium("batch", input="".join(f'{{"id": {n}, "workflow": "echo"}}\n' for n in range(17)))
    assert done.returncode == 0
    beginnings = [run["id"][0] for run in podium.json("get", "runs", "--limit", "1000")]
    shared = next(one for one in beginnings if beginnings.count(one) > 1)
    refuses(podium("describe", "run", shared), 2, "is the beginning of several runs", "give more of it")
