"""Who a caller is: the operating system's word for the user, and a file for the roles.

A caller never says who he is where it matters. An agent's process is an agent, whichever user it runs as.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from podium.facts.approvals import PERSON

FILE = "roles.yaml"
"""The file of roles in the state folder."""
FILE_VARIABLE = "PODIUM_ROLES"
"""The variable that names another file."""
FILE_BYTES_MAX = 1024 * 1024

OWNER_ROLES = ("operator",)
"""Roles of the hub's own user where there is no file of roles."""

_ANCESTORS_MAX = 100

log = structlog.get_logger("podium.identity")


class Caller(NamedTuple):
    """Whoever makes a call, as the operating system tells it.

    Attributes:
        channel: `in-process`, `unix-socket`, or how somebody was let in over the network: `http token ci`.
        uid: the user; -1 if that is not known.
        pid: the process; 0 if that is not known.
        principal: who it is, where the hub itself has found that out; "" where the operating system says it.
        roles: of that principal.
    """

    channel: str = "in-process"
    uid: int = -1
    pid: int = 0
    principal: str = ""
    roles: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.channel if self.uid < 0 else f"{self.channel} uid={self.uid}"


HERE = Caller()
"""Whoever calls in the hub's own process."""


class Identity(NamedTuple):
    """A caller's principal (`user:name`, `agent:…`; "" if nobody knows) and roles."""

    principal: str
    roles: tuple[str, ...] = ()


class Identities:
    """Tells who callers are.

    Args:
        file: roles and who has them; read again when it has changed.
        is_agent: whether a process group is one that the hub started for an agent.
    Attributes:
        trouble: why the file gives no roles, in a sentence; "" while it does, or is not there.
    """

    def __init__(self, file: Path, is_agent: Callable[[int], bool]) -> None:
        self._file, self._is_agent = file, is_agent
        self._seen: tuple[int, ...] = ()
        self._kept: dict[str, tuple[str, ...]] = {}
        self.trouble = ""

    def of(self, caller: Caller) -> Identity:
        """Who a caller is, and the roles that he has now."""
        if caller.principal:
            return Identity(caller.principal, caller.roles)
        uid = os.getuid() if caller is HERE else caller.uid
        if uid < 0:
            return Identity("")
        if caller.pid and self._in_agent(caller.pid):
            return Identity(f"agent:process-{caller.pid}")
        name = user_name(uid)
        return Identity(PERSON + name, self.roles(uid, name))

    def roles(self, uid: int, name: str) -> tuple[str, ...]:
        """The roles of a user."""
        try:
            found = self._read()
        except FileNotFoundError:
            self.trouble = ""
            return OWNER_ROLES if uid == os.getuid() else ()
        except (OSError, ValueError) as error:
            self._complain(f"{self._file}: {error}; until that is mended nobody has any role")
            return ()
        self.trouble = ""
        return found.get(name, ()) + found.get(f"uid:{uid}", ())

    def _complain(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.error("no-roles", reason=trouble)
        self.trouble = trouble

    def _read(self) -> dict[str, tuple[str, ...]]:
        with self._file.open("rb") as file:
            status = os.fstat(file.fileno())
            seen = (status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode, status.st_uid)
            if seen != self._seen:
                _check(status)
                self._kept = _parsed(file.read(FILE_BYTES_MAX + 1))
                self._seen = seen
        return self._kept

    def _in_agent(self, pid: int) -> bool:
        """Whether a process, or one of those above it, is in a group that the hub started for an agent."""
        for _ in range(_ANCESTORS_MAX):
            above, group, leader = _place(pid)
            if any(map(self._is_agent, (pid, group, leader))):
                return True
            if above <= 1:
                return False
            pid = above
        return True


def _check(status: os.stat_result) -> None:
    """Raise ValueError where somebody else could give roles."""
    if status.st_uid not in (os.geteuid(), 0):
        raise ValueError(f"it belongs to user {status.st_uid}, not to the hub's")
    if stat.S_IMODE(status.st_mode) & 0o022:
        raise ValueError("others can write to it; `chmod go-w` it")


def _parsed(text: bytes) -> dict[str, tuple[str, ...]]:
    """User to roles. Raises ValueError where the file is not as it must be."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if len(text) > FILE_BYTES_MAX:
        raise ValueError(f"it is larger than {FILE_BYTES_MAX} bytes")
    try:
        found: Any = YAML(typ="safe", pure=True).load(text.decode())
    except (YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"it is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict) or set(found) != {"roles"} or not isinstance(found["roles"], dict):
        raise ValueError("it must hold `roles:` and nothing else: a role to a list of users")
    users: dict[str, tuple[str, ...]] = {}
    for role, members in found["roles"].items():
        names: list[Any] = members if isinstance(members, list) else [None]
        if not isinstance(role, str) or not all(isinstance(name, str) and name for name in names):
            raise ValueError(f"the role {role!r} must have a list of users: names, or `uid:1000`")
        for name in names:
            users[name] = (*users.get(name, ()), role)
    return users


def user_name(uid: int) -> str:
    """The name of a user of this machine, or `uid-1000` where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid-{uid}"


def _place(pid: int) -> tuple[int, int, int]:
    """The parent of a process, its group, and the leader of its groups; zeros where nobody can tell."""
    try:
        with open(f"/proc/{pid}/stat", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        return int(fields[1]), int(fields[2]), int(fields[3])
    except (OSError, ValueError, IndexError):
        return 0, 0, 0
