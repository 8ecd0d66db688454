"""Watching a run: from its submission to its end, whatever hub it is on, or until it is left to another."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from podium.cli import hubs
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import plural, say, short, show_json, show_one

if TYPE_CHECKING:
    from podium.cli.hubs import Attached
    from podium.cli.progress import Progress
    from podium.resources.manifest import Document
    from podium.sdk.client import Run, Submitted

T = TypeVar("T")

OWN_KEY = "run/"
"""Keys that begin so were made here, for a run whose caller gave none."""

_PATIENCE_S = 30.0
_AGAIN_S = 0.02


class Watch:
    """One run from its start to its end, whatever hub it is on."""

    def __init__(self, options: Options, attached: Attached) -> None:
        self._options, self._attached = options, attached
        self._run_id = ""
        self._seq = 0
        self._told = False
        self._records: SimpleQueue[dict[str, Any] | BaseException | None] = SimpleQueue()

    def submit(
        self, documents: list[Document] | None, name: str, input: Any, key: str, labels: dict[str, str],
        subject: str = "", priority: str = "",
    ) -> str:  # fmt: skip
        """Apply what is declared and submit; gives the run's id."""
        # A hub that goes away may have accepted the run; under a key it is the same one with the next hub.
        own_key = "" if key or self._attached.serving is not None else f"{OWN_KEY}{uuid4()}"
        self._tell_resumed()
        try:
            submitted = self._patiently(
                lambda: self._submit(documents, name, input, key or own_key, labels, subject, priority)
            )
        except BaseException:
            self._leave()
            raise
        for notice in submitted.notices:
            say(f"note: {notice}")
        if not submitted.created and key:
            say(f"the key stands for run {short(submitted.run_id)} already")
        return submitted.run_id

    def _submit(
        self, documents: list[Document] | None, name: str, input: Any, key: str, labels: dict[str, str],
        subject: str, priority: str,
    ) -> Submitted:  # fmt: skip
        if documents is not None:
            from podium.cli.declaring import apply_to, tell_notices

            tell_notices(apply_to(self._attached.client, documents).notices)
        return self._attached.client.submit(
            name, input, key=key, labels=labels, subject=subject, priority=priority
        )

    def leave(self, run_id: str) -> int:
        """Leave the run to the hub in the background."""
        self._leave()
        if self._options.format in ("json", "jsonl"):
            show_one({"id": run_id, "hub_pid": self._attached.pid}, self._options.format)
        else:
            print(run_id)
        say(f"hub pid {self._attached.pid} runs it; watch it with `podium follow {short(run_id)}`")
        return Exit.OK

    def watch(self, run_id: str, timeout: float | None) -> int:
        """Follow a run to its end, and show it."""
        if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
            # A terminal that is closed hands the run over, as Ctrl-C does; under `nohup` it goes on here.
            signal.signal(signal.SIGHUP, signal.default_int_handler)
        self._tell_resumed()
        try:
            found = self._look(run_id)
            self._run_id = found.id
            if not found.ended:
                self._tell_suspended()
            ended = self._to_the_end(found, timeout)
        except KeyboardInterrupt:
            return self._hand_over()
        except BaseException:
            self._leave()
            raise
        pid = self._leave()
        if not ended.ended:
            message = f"run {short(ended.id)} has not ended after {timeout:g} s"
            raise Stop(Exit.TIMED_OUT, message, f"it goes on in hub pid {pid}" if pid else "")
        return show(ended, self._options)

    def _tell_resumed(self) -> None:
        serving = self._attached.serving
        if serving is not None and serving.hub.resumed and not self._told:
            say(f"resuming {plural(serving.hub.resumed, 'unfinished run')}")
        self._told = True

    def _tell_suspended(self) -> None:
        """Say why nothing will happen, where that is so."""
        for one in self._patiently(self._attached.client.suspensions):
            if not one["agent"]:
                say(f"{one['told']}; `{one['command']}` lets it go on")

    def _to_the_end(self, found: Run, timeout: float | None) -> Run:
        limit = time.monotonic() + timeout if timeout is not None else None
        self._listen()
        progress = self._progress(found.workflow)
        try:
            while True:
                left = None if limit is None else limit - time.monotonic()
                try:
                    heard = self._records.get(timeout=left if left is None or left > 0 else 0)
                except Empty:
                    break
                if heard is None:
                    break
                if isinstance(heard, BaseException):
                    self._find_again(heard)
                    self._listen()
                    continue
                self._seq = heard["seq"]
                progress.hear(heard)
        finally:
            progress.close()
        return self._look(self._run_id)

    def _look(self, run_id: str) -> Run:
        return self._patiently(lambda: self._attached.client.get_run(run_id))

    def _patiently(self, ask: Callable[[], T]) -> T:
        """What a call gives, of the next hub if the one that serves us goes away."""
        from podium.sdk.client import UnreachableError

        limit = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return ask()
            except UnreachableError as error:
                if time.monotonic() > limit:
                    raise
                self._find_again(error)

    def _listen(self) -> None:
        """Gather records on another thread, so that this one can be interrupted and can stop waiting."""
        client, after, records = self._attached.client, self._seq, self._records

        def gather() -> None:
            try:
                for record in client.follow(self._run_id, after):
                    records.put(record)
                records.put(None)
            except Exception as error:
                records.put(error)

        threading.Thread(target=gather, name="podium-watch", daemon=True).start()

    def _find_again(self, error: BaseException) -> None:
        """The hub that served us went away; another one, or we, go on where it was."""
        from podium.sdk.client import UnreachableError

        if not isinstance(error, UnreachableError) or self._attached.serving is not None:
            raise error
        self._attached.client.close()
        time.sleep(_AGAIN_S)
        self._attached = hubs.attach(self._options.state)

    def _progress(self, title: str) -> Progress:
        from podium.cli.progress import Lines, Screen

        if not self._options.live:
            return Lines()
        return Screen(f"{title} {short(self._run_id)}", lambda: self._attached.client.activity(self._run_id))

    # --- leaving it ----------------------------------------------------------------------------------

    def _leave(self) -> int:
        """Let go of the hub; the first interrupt while it stops is the second one."""
        try:
            return self._attached.leave(self._options.state)
        except KeyboardInterrupt:
            os._exit(Exit.INTERRUPTED)

    def _hand_over(self) -> int:
        if self._attached.serving is not None:
            say("handing over to the background; press Ctrl-C again to stop at once")
        pid = self._leave()
        run_id = short(self._run_id)
        if pid:
            say(f"run {run_id} goes on in the background (hub pid {pid})")
            say(f"watch it with `podium follow {run_id}`")
        else:
            say(f"run {run_id} waits; `podium describe run {run_id}` says for what")
        return Exit.OK


# --- the end ----------------------------------------------------------------------------------


def show(ended: Run, options: Options) -> int:
    if options.format in ("json", "jsonl"):
        show_one(_shown(ended), options.format)
    elif ended.status == "completed":
        show_json(ended.output)
    if ended.status == "completed":
        return Exit.OK
    say(_failure(ended))
    return Exit.FAILED


def _shown(run: Run) -> dict[str, Any]:
    import msgspec

    shown: dict[str, Any] = msgspec.to_builtins(run)
    for name in ("trace", "created"):
        with suppress(KeyError):
            del shown[name]
    return shown


def _failure(run: Run) -> str:
    lines = [f"run {short(run.id)} {run.status}"]
    if run.error is not None:
        error = run.error
        lines[0] += f": {error.title or error.type}"
        lines += [f"  {line}" for line in error.detail.splitlines()]
        lines.append(f"  at {error.instance or '/'} ({error.type.rpartition('/')[2]}, status {error.status})")
    lines.append(f"  what led to it: podium story {short(run.id)}")
    return "\n".join(lines)
