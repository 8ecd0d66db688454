"""The client: typed calls on a hub, in this process or behind its socket.

with connect(Path(".podium")) as podium:
    run = podium.run("hello/greet", {"name": "Ada"})
    print(run.output)
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import msgspec

from podium.facts.catalog import Declared
from podium.facts.values import JSON, Error
from podium.sdk.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    PodiumError,
    RefusedError,
    UnreachableError,
)
from podium.sdk.replies import plain, result_of
from podium.sdk.transport import Reply, SocketTransport

__all__ = [
    "Applied", "Client", "ConflictError", "InvalidError", "NotFoundError", "PodiumError", "RefusedError",
    "Run", "SocketTransport", "Submitted", "Transport", "UnreachableError", "connect",
]  # fmt: skip


class Run(msgspec.Struct, frozen=True):
    """A run as it stands. Times are ms since 1970, 0 for not yet; `cost_nano` counts nano-units.

    Attributes:
        status: `running`, `suspended`, `completed`, `faulted` or `cancelled`.
        waiting_for: what keeps it from going on, each with `kind`, `task` and what the kind needs.
        parent: the run whose task started it; "" if none did.
        phase: its status, but `waiting` where it only waits for time, people or events.
        progress: of each task that runs another many times `task`, `total`, `done`, `failed` and `running`.
        undoable: how many calls a `compensate` would undo.
        tenant: whose it is; `priority` which of what waits for a slot comes first.
        trace: references of the tasks started, in that order, where it was asked for.
        created: whether the call that gave it started it.
    """

    id: str
    workflow: str
    status: str
    digest: str = ""
    key: str = ""
    principal: str = ""
    labels: dict[str, str] = {}
    input: JSON = None
    output: JSON = None
    error: Error | None = None
    started_at: int = 0
    ended_at: int = 0
    cost_nano: int = 0
    waiting_for: list[dict[str, JSON]] = []
    parent: str = ""
    phase: str = ""
    progress: list[dict[str, JSON]] = []
    undoable: int = 0
    tenant: str = "default"
    priority: str = "normal"
    trace: list[str] = []
    created: bool = False

    @property
    def ended(self) -> bool:
        return self.ended_at > 0


class Submitted(msgspec.Struct, frozen=True):
    """A run that was accepted; not `created` if its idempotency key stood for it already.

    `notices` say what is deprecated about it.
    """

    run_id: str
    created: bool
    notices: list[str] = []


class Applied(list[str]):
    """What changed, as `Kind/name@version`.

    Attributes:
        notices: what is worth knowing about it: the use of what is deprecated.
    """

    def __init__(self, names: Iterable[str] = (), notices: Iterable[str] = ()) -> None:
        super().__init__(names)
        self.notices = list(notices)


class Transport(Protocol):
    """How calls reach a door."""

    def start(self, name: str, params: Reply) -> Future[Reply]:
        """Make a call; its reply has one member: `result`, `refused`, `error` or `gone`."""

    def follow(self, run_id: str, after: int = 0) -> Iterator[Reply]:
        """Replies with `item`, and a last one as of any call."""

    def close(self) -> None: ...


class Client:
    """Calls on a hub, from any thread; each raises PodiumError where it comes to nothing.

    Args:
        transport: `SocketTransport`, or a door in this process.
        principal: who asks, as `kind:name`; the user of this process unless given. A hub in another process
            goes by the user whom it sees instead.
    """

    def __init__(self, transport: Transport, principal: str = "") -> None:
        self._transport = transport
        self.principal = principal or f"user:{_user()}"

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection. Runs go on."""
        self._transport.close()

    # --- declaring and running -----------------------------------------------------------------------

    def apply(
        self, resources: Iterable[Declared], *, prune: bool = False, force: bool = False, why: str = ""
    ) -> Applied:
        """Declare resources, all or none. Refused where that breaks something, unless it is forced.

        Args:
            prune: delete whatever is declared beside them.
            force: declare them whatever breaks.
            why: the reason for that; it stays in the log.
        """
        declared = [msgspec.to_builtins(resource) for resource in resources]
        return _applied(
            self._call(
                "apply", resources=declared, prune=prune, force=force, why=why, principal=self.principal
            )
        )

    def delete(self, kind: str, name: str, *, force: bool = False, why: str = "") -> Applied:
        """Delete an `agent` or a `workflow`, or with `name@version` one version. Refused where it is in use.

        Args:
            force, why: as in `apply`.
        """
        kind = kind.capitalize()
        return _applied(
            self._call("delete", kind=kind, name=name, force=force, why=why, principal=self.principal)
        )

    def plan(self, resources: Iterable[Declared], *, prune: bool = False) -> dict[str, JSON]:
        """What applying these would change and break: `changes`, `remarks`, `differs`, `breaks`."""
        declared = [msgspec.to_builtins(resource) for resource in resources]
        return dict(self._call("plan", resources=declared, prune=prune))

    def replay(
        self, resources: Iterable[Declared], *, since: int = 0, alone: bool = False
    ) -> dict[str, JSON]:
        """What other policies would have said of what was done lately; nothing is changed.

        Args:
            resources: the policies; they stand in the place of those in force that have the same names.
            since: only of actions asked for at or after that moment is told, ms since 1970.
            alone: only these decide, and none that is in force.
        Returns:
            `actions` and how many of them `changed`, `sums` of these by what they would have been, `rows`,
            and from when on it was looked (`begins_at`; 0 for all).
        """
        declared = [msgspec.to_builtins(resource) for resource in resources]
        return dict(self._call("replay", resources=declared, since=since, alone=alone))

    def history(self, name: str, kind: str = "") -> list[dict[str, JSON]]:
        """What became of a resource, newest first."""
        return list(self._call("history", name=name, kind=kind.capitalize()))

    def revision(self, name: str, which: str = "current", kind: str = "") -> dict[str, JSON]:
        """One revision of a resource, with its `content`.

        Args:
            which: its version, its digest or the beginning of that, its number, `current` or `previous`.
        """
        return dict(self._call("revision", name=name, which=which, kind=kind.capitalize()))

    def see_to_schedule(self, schedule: str, action: str, *, key: str = "", why: str = "") -> dict[str, JSON]:
        """`pause`, `resume` or `trigger` a schedule; gives `run_id`, `created` and `detail`.

        Args:
            key: of a trigger: asked for again with the same one, no other run begins.
        """
        given = {"key": key, "why": why, "principal": self.principal}
        return dict(self._call("schedule", schedule=schedule, action=action, **given))

    def submit(
        self, workflow: str, input: JSON = None, *, key: str = "", labels: dict[str, str] | None = None,
        subject: str = "", priority: str = "",
    ) -> Submitted:  # fmt: skip
        """Start a run.

        Args:
            workflow: `name`, `namespace/name` or `namespace/name@version`.
            input: the run's input.
            key: idempotency key: the same key with the same workflow and input is the same run.
            labels: for finding the run again.
            subject: whom it is about: whatever is kept of it is sealed, and can be erased.
            priority: `high`, `normal` or `low`: what waits for a slot is taken in this order; "" for what the
                workflow says.
        """
        asked = self._submission(workflow, input, key, labels, subject, priority)
        return msgspec.convert(self._call("submit", **asked), Submitted)

    def run(
        self, workflow: str, input: JSON = None, *, key: str = "", labels: dict[str, str] | None = None,
        timeout_ms: int = -1, subject: str = "", priority: str = "",
    ) -> Run:  # fmt: skip
        """Start a run and wait for its end, or until the time is over."""
        asked = self._submission(workflow, input, key, labels, subject, priority)
        return msgspec.convert(self._call("execute", **asked, timeout_ms=timeout_ms), Run)

    def run_soon(
        self, workflow: str, input: JSON = None, *, key: str = "", labels: dict[str, str] | None = None,
        trace: bool = False, subject: str = "", priority: str = "",
    ) -> Future[Run]:  # fmt: skip
        """Start a run; the future gives it when it ended, or the refusal."""
        asked = self._submission(workflow, input, key, labels, subject, priority)
        return _converted(self._transport.start("execute", {**asked, "trace": trace}))

    def _submission(
        self, workflow: str, input: JSON, key: str, labels: dict[str, str] | None, subject: str, priority: str
    ) -> Reply:  # fmt: skip
        return plain({
            "workflow": workflow, "input": input, "key": key, "labels": labels or {},
            "principal": self.principal, "subject": subject, "priority": priority,
        })  # fmt: skip

    def wait(self, run_id: str, timeout_ms: int = -1, *, trace: bool = False) -> Run:
        """The run when it ended, or as it stands when the time is over."""
        result = self._call("wait", run_id=run_id, timeout_ms=timeout_ms, trace=trace)
        return msgspec.convert(result, Run)

    def follow(self, run_id: str, after: int = 0) -> Iterator[dict[str, JSON]]:
        """The run's records later than seq `after`, as they are committed, until it ends."""
        asked = plain({"run_id": run_id, "after": after})
        for reply in self._transport.follow(**asked):
            if "item" in reply:
                yield reply["item"]
            else:
                result_of(reply)

    # --- looking -------------------------------------------------------------------------------------

    def get_run(self, run_id: str) -> Run:
        """A run as it stands."""
        return msgspec.convert(self._call("run", run_id=run_id), Run)

    def get(
        self, kind: str, *, status: str = "", workflow: str = "", parent: str = "", nested: bool = False,
        limit: int = 100,
    ) -> list[dict[str, JSON]]:  # fmt: skip
        """`runs`, newest first, `agents` or `workflows`, by name.

        Args:
            parent: only runs that tasks of this run started.
            nested: runs that other runs wait for, too.
        """
        return list(
            self._call(
                "get", kind=kind, status=status, workflow=workflow, parent=parent, nested=nested, limit=limit
            )
        )

    def unfinished(self, workflow: str, input: JSON = None) -> list[dict[str, JSON]]:
        """Unfinished runs of a workflow with this input, newest first."""
        return list(self._call("unfinished", workflow=workflow, input=input))

    def stuck(self, run_id: str = "", limit: int = 100) -> list[dict[str, JSON]]:
        """What unfinished runs wait for, and who can let them go on: those that need somebody first."""
        return list(self._call("stuck", run_id=run_id, limit=limit))

    def describe(self, kind: str, name: str) -> dict[str, JSON]:
        """All that is known of a `run`, an `agent` or a `workflow`."""
        return dict(self._call("describe", kind=kind, name=name))

    def tasks(self, run_id: str) -> list[str]:
        """References of the tasks of a run's workflow."""
        return list(self._call("tasks", run_id=run_id))

    def events(self, run_id: str, after: int = 0) -> list[dict[str, JSON]]:
        """A run's records, oldest first."""
        return list(self._call("events", run_id=run_id, after=after))

    def evidence(self, run_id: str) -> dict[str, JSON]:
        """What explains a run: its `records`, its `workflow`, and by digest the `performers` of effects."""
        return dict(self._call("evidence", run_id=run_id))

    def trace(self, run_id: str) -> list[str]:
        """References of the tasks that started, in that order."""
        return list(self._call("trace", run_id=run_id))

    def activity(self, run_id: str = "") -> list[dict[str, JSON]]:
        """The attempts that are running now."""
        return list(self._call("activity", run_id=run_id))

    def status(self) -> dict[str, JSON]:
        """How the hub is."""
        return dict(self._call("status"))

    def rebuild_views(self, timeout_ms: int = 60_000) -> dict[str, JSON]:
        """Make the tables for queries again from the log: `done` if they were in time, and their `seq`."""
        return dict(self._call("rebuild_views", timeout_ms=timeout_ms))

    def verify(self) -> dict[str, JSON]:
        """Check all that is stored, but not who signed the checkpoints."""
        return dict(self._call("verify"))

    def erase(self, subject: str, why: str) -> str:
        """Cancel the runs that are about somebody, and make what is kept of them unreadable for good."""
        return str(self._call("erase", subject=subject, why=why)["detail"])

    def checkpoint(self) -> dict[str, JSON]:
        """Have it stated how far the log has come: `number`, `note` (the signed checkpoint), `created`."""
        return dict(self._call("checkpoint"))

    # --- acting on runs ------------------------------------------------------------------------------

    def answer(
        self, run_id: str, *, task: str = "", decision: str = "approve", data: JSON = None, why: str = ""
    ) -> str:
        """Answer a `call: human`; gives what was recorded, in a line."""
        return self._act("answer", run_id=run_id, task=task, decision=decision, data=data, why=why)

    def send(self, event: dict[str, JSON], run_id: str = "") -> str:
        """Send a CloudEvent to one run, or to all that listen."""
        return self._act("send", run_id=run_id, event=event)

    def cancel(self, run_id: str, why: str = "") -> str:
        """End a run now."""
        return self._act("cancel", run_id=run_id, why=why)

    def suspend(self, run_id: str, why: str = "") -> str:
        """Start nothing more in a run."""
        return self._act("suspend", run_id=run_id, why=why)

    def resume(self, run_id: str, why: str = "") -> str:
        """Let a suspended run go on."""
        return self._act("resume", run_id=run_id, why=why)

    def resolve(
        self, run_id: str, verdict: str, *, effect: int = 0, output: JSON = None, why: str = ""
    ) -> str:
        """Say what became of an effect in doubt: `succeeded`, `failed` or `retry`."""
        return self._act("resolve", run_id=run_id, verdict=verdict, effect=effect, output=output, why=why)

    def settle_dead_letter(self, run_id: str, verdict: str, *, effect: int = 0, why: str = "") -> str:
        """Say what becomes of an effect that failed for good and was kept: `retry` or `drop`."""
        return self._act("settle_dead_letter", run_id=run_id, verdict=verdict, effect=effect, why=why)

    def dead_letters(self, **wanted: JSON) -> list[dict[str, JSON]]:
        """Effects that failed for good and were kept, longest first.

        Args:
            wanted: only those of `run_id`, `workflow`, `agent` or `task`, with `error` in the error's type or
                title, or from `before` a time in ms.
        """
        return list(self._call("dead_letters", **wanted))

    def escalations(self) -> list[dict[str, JSON]]:
        """All that waits for an operator, longest first, each with the `command` that settles it."""
        return list(self._call("escalations"))

    def reset_breaker(self, agent: str, why: str) -> str:
        """Close the open breaker of an agent version."""
        return self._act("reset_breaker", agent=agent, why=why)

    def suspend_work(self, agent: str = "", *, cancel: bool = False, why: str = "") -> str:
        """Let no attempt begin, at an agent (`name` or `name@version`) or at all, until that is resumed.

        Args:
            cancel: stop what is under way, too.
        """
        return self._act("suspend_work", agent=agent, cancel=cancel, why=why)

    def resume_work(self, agent: str = "", *, why: str = "") -> str:
        """Let go on what was suspended by the same name."""
        return self._act("resume_work", agent=agent, why=why)

    def suspensions(self) -> list[dict[str, JSON]]:
        """What is suspended, everything first: `agent` ("" for everything), `at`, `principal`, `why`."""
        return list(self._call("suspensions"))

    # --- what waits for people -----------------------------------------------------------------------

    def approvals(self, run_id: str = "") -> list[dict[str, JSON]]:
        """What waits for people, longest first: in one run, if one is named, else in all."""
        return list(self._call("approvals", run_id=run_id))

    def held_back(self, run_id: str) -> list[dict[str, JSON]]:
        """What policy holds back or denied in a run."""
        return list(self._call("held_back", run_id=run_id))

    def workers(self) -> list[dict[str, JSON]]:
        """The workers of the fleet, and those that went within the hour."""
        return list(self._call("workers"))

    def whoami(self) -> dict[str, JSON]:
        """Who this process is to the hub: `principal`, `roles`, and `trouble` with the file of roles."""
        return dict(self._call("whoami"))

    # --- who may use the hub -------------------------------------------------------------------------

    def accounts(self) -> list[dict[str, JSON]]:
        """Who may use the hub over the network."""
        return list(self._call("accounts"))

    def add_account(
        self, name: str, roles: Sequence[str] = ("viewer",), subject: str = ""
    ) -> dict[str, JSON]:
        """Make an account. `subject` is who it is to an identity provider, `issuer subject`."""
        return dict(self._call("account_add", name=name, roles=list(roles), subject=subject))

    def change_account(
        self, name: str, *, roles: Sequence[str] | None = None, suspended: bool | None = None, why: str = ""
    ) -> dict[str, JSON]:
        """Give an account these roles and no others, suspend it, or restore it."""
        given = list(roles) if roles is not None else None
        return dict(self._call("account_change", name=name, roles=given, suspended=suspended, why=why))

    def account_link(self, name: str) -> dict[str, JSON]:
        """Make a `link` that signs an account's owner in, once, within the hour."""
        return dict(self._call("account_link", name=name))

    def tokens(self, account: str = "") -> list[dict[str, JSON]]:
        """API tokens of an account, or all, without their secrets."""
        return list(self._call("tokens", account=account))

    def create_token(
        self, name: str, scopes: Sequence[str] = (), account: str = "", days: int = 90
    ) -> dict[str, JSON]:
        """Make an API token; its `secret` is given this once."""
        given = {"name": name, "scopes": list(scopes), "account": account, "days": days}
        return dict(self._call("token_create", **given))

    def revoke_token(self, id: str) -> str:
        """Let nobody in with a token any more."""
        return str(self._call("token_revoke", id=id)["detail"])

    def checkpoints(self, after: int = 0, limit: int = 100) -> list[dict[str, JSON]]:
        """What was stated and signed, oldest first: `number`, `statement`, and `note`."""
        return list(self._call("checkpoints", after=after, limit=limit))

    def prove(self, shard: int, seq: int, note: str = "") -> dict[str, JSON]:
        """The proof that a record is in the log, under a signed checkpoint; "" for the newest."""
        return dict(self._call("prove", shard=shard, seq=seq, note=note))

    # --- deciding ------------------------------------------------------------------------------------

    def decide(self, run_id: str, effect: int, action: str, *, verdict: str, why: str = "") -> str:
        """Say yes (`approve`) or no (`deny`) to the action with this digest; gives what was recorded."""
        return self._act("decide", run_id=run_id, effect=effect, action=action, verdict=verdict, why=why)

    def delegate(self, run_id: str, effect: int, action: str, *, to: str, why: str = "") -> str:
        """Let another person, `user:name`, decide, too."""
        return self._act("delegate", run_id=run_id, effect=effect, action=action, to=to, why=why)

    def edit(self, run_id: str, effect: int, action: str, *, input: JSON, why: str = "") -> str:
        """Make another action of the one with this digest."""
        return self._act("edit", run_id=run_id, effect=effect, action=action, input=input, why=why)

    def override(self, run_id: str, effect: int, action: str, *, expires_at: int, why: str) -> str:
        """Let the action with this digest through once, whatever policy says, until `expires_at` (ms)."""
        return self._act(
            "override", run_id=run_id, effect=effect, action=action, expires_at=expires_at, why=why
        )

    def declassify(self, run_id: str, labels: Sequence[str], *, why: str) -> str:
        """Take labels from the data of a run."""
        return self._act("declassify", run_id=run_id, labels=list(labels), why=why)

    def _act(self, name: str, /, **params: Any) -> str:
        return str(self._call(name, **params, principal=self.principal)["detail"])

    def _call(self, name: str, /, **params: Any) -> Any:
        return result_of(self._transport.start(name, plain(params)).result())


def _applied(result: Reply) -> Applied:
    return Applied(result["names"], result["notices"])


def _converted(replied: Future[Reply]) -> Future[Run]:
    future: Future[Run] = Future()

    def on_reply(done: Future[Reply]) -> None:
        try:
            future.set_result(msgspec.convert(result_of(done.result()), Run))
        except Exception as error:
            future.set_exception(error)

    replied.add_done_callback(on_reply)
    return future


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def connect(place: Path | str = ".podium", principal: str = "", *, token: str = "") -> Client:
    """A client of the hub that serves a state folder, or of the one at an address.

    Args:
        place: the folder; or `https://hub.example.org`.
        principal: as of `Client`; a hub at an address goes by the token instead.
        token: an API token for the hub at an address.
    Raises:
        UnreachableError: no hub serves the folder.
    """
    if isinstance(place, str) and "://" in place:
        from podium.sdk.http import HttpTransport

        return Client(HttpTransport(place, token), principal)
    return Client(SocketTransport(Path(place)), principal)
