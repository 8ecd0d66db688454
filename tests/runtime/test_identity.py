"""Who callers are: users of the machine with the roles of a file; an agent's process is an agent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from podium.runtime.identity import HERE, OWNER_ROLES, Caller, Identities, user_name

ME = user_name(os.getuid())


def identities(
    folder: Path, text: str | None = None, *, mode: int = 0o600, groups: tuple[int, ...] = ()
) -> Identities:
    file = folder / "roles.yaml"
    if text is not None:
        file.write_text(text)
        file.chmod(mode)
    return Identities(file, lambda group: group in groups)


def me(pid: int = 0) -> Caller:
    return Caller("unix-socket", os.getuid(), pid)


def test_without_a_file_the_hubs_own_user_is_its_operator(tmp_path: Path) -> None:
    known = identities(tmp_path)
    assert known.of(me()) == (f"user:{ME}", OWNER_ROLES)
    assert known.of(HERE) == (f"user:{ME}", OWNER_ROLES)
    assert known.of(Caller("unix-socket", 4_294_967, 0)) == ("user:uid-4294967", ())


def test_a_caller_whose_user_is_not_known_is_nobody(tmp_path: Path) -> None:
    assert identities(tmp_path).of(Caller("unix-socket")) == ("", ())


def test_roles_are_those_of_the_file_alone(tmp_path: Path) -> None:
    text = f"roles: {{lead: [{ME}, bob], break-glass: ['uid:{os.getuid()}'], operator: [bob]}}"
    known = identities(tmp_path, text)
    assert known.of(me()).roles == ("lead", "break-glass")


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    known = identities(tmp_path, f"roles: {{lead: [{ME}]}}")
    assert known.of(me()).roles == ("lead",)
    (tmp_path / "roles.yaml").write_text("roles: {lead: [somebody-else]}")
    assert known.of(me()).roles == ()


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "roles: []", "roles: {lead: ann}", "roles: {lead: [1]}", "roles: {1: [ann]}", "other: {}",
        "roles: {lead: [ann]}\nmore: 1", "roles: {lead: ['']}", "{", "roles: {lead: [ann], lead: [bob]}",
    ],
)  # fmt: skip
def test_a_file_that_is_not_as_it_must_be_gives_nobody_a_role(tmp_path: Path, text: str) -> None:
    known = identities(tmp_path, text)
    assert known.of(me()) == (f"user:{ME}", ())
    assert "roles.yaml" in known.trouble


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_gives_nobody_a_role(tmp_path: Path, mode: int) -> None:
    known = identities(tmp_path, f"roles: {{operator: [{ME}]}}", mode=mode)
    assert known.of(me()).roles == ()
    assert "others can write" in known.trouble
    (tmp_path / "roles.yaml").chmod(0o644)
    assert known.of(me()).roles == ("operator",)
    assert known.trouble == ""


def test_a_process_below_an_agents_is_an_agent_whichever_user_it_runs_as(tmp_path: Path) -> None:
    grandchild = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(input())'])"
    child = subprocess.Popen(
        [sys.executable, "-c", f"import os; print(os.getpid(), flush=True); {grandchild}"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, text=True,
    )  # fmt: skip
    try:
        assert child.stdout is not None and child.stdin is not None
        leader = int(child.stdout.readline())
        known = identities(tmp_path, groups=(leader,))
        assert known.of(me(leader)).principal == f"agent:process-{leader}"
        assert known.of(me(leader)).roles == ()
        assert known.of(me(os.getpid())).principal == f"user:{ME}"
    finally:
        child.communicate("over\n")
