"""The environment of agents: what processes inherit, and references to variables of the hub."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping

from podium.agents.interface import AttemptFailed
from podium.facts.orders import Perform

INHERITED = (
    "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "VIRTUAL_ENV", "SYSTEMROOT",
)  # fmt: skip
"""What a process gets of the hub's environment. Everything else it must declare."""

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def environment(
    declared: Mapping[str, str], order: Perform, hub: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The whole environment of a process agent's attempt.

    Raises:
        AttemptFailed: a declared value refers to a variable that the hub does not have.
    """
    inherited = {name: hub[name] for name in INHERITED if name in hub}
    # Programs installed beside the hub's interpreter (linters, servers) are found without activating it.
    inherited["PATH"] = os.pathsep.join((os.path.dirname(sys.executable), inherited.get("PATH", os.defpath)))
    return {
        **inherited,
        **{name: expanded(value, f"env.{name}", hub) for name, value in declared.items()},
        "PODIUM_RUN_ID": order.run_id,
        "PODIUM_TASK": order.task,
        "PODIUM_ATTEMPT": str(order.attempt),
        "PODIUM_KEY": order.key,
        "PODIUM_CAPABILITY": order.capability,
        "PODIUM_DEADLINE_AT": str(order.deadline_at),
        **({"TRACEPARENT": order.trace} if order.trace else {}),
    }


def expanded(text: str, where: str, hub: Mapping[str, str] = os.environ) -> str:
    """The text with every `${NAME}` replaced by that variable of the hub's environment.

    Raises:
        AttemptFailed: there is no such variable.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in hub:
            raise AttemptFailed(
                f"{where} needs the variable {name}, which is not set",
                "Set it in the environment that the hub is started in.",
                retryable=False,
                unstarted=True,
                kind="configuration",
            )
        return hub[name]

    return _REFERENCE.sub(value, text)
