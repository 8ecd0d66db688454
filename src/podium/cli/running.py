"""`run` and `follow`: start a run, watch it to its end, or leave it to a hub in the background."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import uuid4

from cyclopts import Parameter

from podium.cli import hubs, values
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import plural, say, short, show_json, show_one

if TYPE_CHECKING:
    from podium.cli.hubs import Attached
    from podium.cli.progress import Progress
    from podium.resources.manifest import Document
    from podium.sdk.client import Run, Submitted

Given = Annotated[Options, Parameter(parse=False)]

T = TypeVar("T")

OWN_KEY = "run/"
"""Keys that begin so were made here, for a run whose caller gave none."""

_PATIENCE_S = 30.0
_AGAIN_S = 0.02
_PATH_ENDINGS = (".yaml", ".yml", ".json", ".py")


def run(
    target: str,
    /,
    *,
    input: Annotated[tuple[str, ...], Parameter(name=("--input", "-i"))] = (),
    key: str = "",
    label: tuple[str, ...] = (),
    workflow: str = "",
    detach: bool = False,
    resume: bool = False,
    timeout: float | None = None,
    options: Given,
) -> int:
    """Run a workflow and show its output.

    Parameters
    ----------
    target
        A file or folder that declares the workflow and its agents, or the name of an applied workflow.
    input
        `key=value` (JSON or text; `a.b=1` goes one further in, `key=@file` reads a file), or `@file.json`.
    key
        Idempotency key: the same key with the same workflow and input is the same run.
    label
        `key=value`, for finding the run again.
    workflow
        Which one, where the target declares several.
    detach
        Leave the run to a hub in the background and print its id.
    resume
        If an unfinished run of this workflow has this input, go on with it instead of starting another.
    timeout
        Seconds to wait for the end; the run goes on afterwards in the background.
    """
    wait_s = values.seconds(timeout, "--timeout")
    given, labels = values.inputs(input), values.pairs(label, "the label")
    documents = _documents(target)
    name = _workflow(documents, workflow, target) if documents is not None else workflow or target
    if documents is None and hubs.is_new(options.state):
        message = f"no workflow is named {values.quoted(name)}: nothing was applied at {options.state} yet"
        raise Stop(Exit.NOT_FOUND, message, _unknown(target))
    unfinished = _unfinished(options.state, name, given) if resume else ""
    attached = hubs.attach_background(options.state) if detach else hubs.attach(options.state)
    watch = _Watch(options, attached)
    if unfinished:
        say(f"run {short(unfinished)} goes on")
    run_id = unfinished or watch.submit(documents, name, given, key, labels)
    return watch.leave(run_id) if detach else watch.watch(run_id, wait_s)


def follow(run: str, /, *, timeout: float | None = None, options: Given) -> int:
    """Watch a run to its end and show its output, as `run` does.

    Parameters
    ----------
    run
        Id of the run, or the beginning of it.
    timeout
        Seconds to wait for the end.
    """
    wait_s = values.seconds(timeout, "--timeout")
    attached = hubs.find(options.state)
    if attached is None:
        with hubs.looked_at(options.state) as client:
            found = client.get_run(run)
        if found.ended:
            return _show(found, options)
        attached = hubs.attach(options.state)
    return _Watch(options, attached).watch(run, wait_s)


# --- what to run ------------------------------------------------------------------------------


def _documents(target: str) -> list[Document] | None:
    """What the target declares; None if it is a name. Raises Stop."""
    path = Path(target)
    is_path = target.endswith(_PATH_ENDINGS) or target.startswith((".", "/", "~"))
    try:
        if path.is_dir() or (path.exists() and (is_path or os.sep in target)):
            from podium.cli.declaring import load

            return load([path])
        leads_nowhere = path.is_symlink() and not path.exists()
    except OSError as error:
        raise Stop(Exit.USAGE, f"{values.quoted(target)} cannot be looked at: {error.strerror}") from None
    if leads_nowhere:
        raise Stop(Exit.NOT_FOUND, f"{target} is a link that leads nowhere")
    if is_path:
        raise Stop(Exit.NOT_FOUND, f"there is no file or folder {target}")
    return None


def _unknown(target: str) -> str:
    """What else a name that means nothing may have been meant for."""
    if Path(target).is_file():
        return f"the file {target} is no manifest by its name; known endings: {', '.join(_PATH_ENDINGS)}"
    return "nor is there a file or folder of that name"


def _workflow(documents: list[Document], wanted: str, target: str) -> str:
    """The digest of the workflow to run. Raises Stop."""
    workflows = [document for document in documents if document.kind == "Workflow"]
    if wanted:
        workflows = [
            document
            for document in workflows
            if wanted
            in (document.name, document.name.rpartition("/")[2], f"{document.name}@{document.version}")
        ]
    if len(workflows) == 1:
        return workflows[0].digest
    if wanted:
        raise Stop(Exit.NOT_FOUND, f"{target} declares no workflow {wanted}")
    if not workflows:
        raise Stop(
            Exit.USAGE, f"{target} declares no workflow", "give a file that has `document:` at its top"
        )
    names = ", ".join(sorted(document.name for document in workflows))
    raise Stop(Exit.USAGE, f"{target} declares several workflows: {names}", "choose one with --workflow")


def _unfinished(state: Path, workflow: str, input: Any) -> str:
    """The newest unfinished run of a workflow with an input; "" if there is none.

    Found before a hub takes over: it might finish the run before anybody asked.
    """
    if hubs.is_new(state):
        return ""
    with hubs.looked_at(state) as client:
        found = client.unfinished(workflow, input)
    return str(found[0]["id"]) if found else ""


# --- watching it ------------------------------------------------------------------------------


class _Watch:
    """One run from its start to its end, whatever hub it is on."""

    def __init__(self, options: Options, attached: Attached) -> None:
        self._options, self._attached = options, attached
        self._run_id = ""
        self._seq = 0
        self._told = False
        self._records: SimpleQueue[dict[str, Any] | BaseException | None] = SimpleQueue()

    def submit(
        self, documents: list[Document] | None, name: str, input: Any, key: str, labels: dict[str, str]
    ) -> str:
        """Apply what is declared and submit; gives the run's id."""
        from podium.sdk.client import NotFoundError

        # A hub that goes away may have accepted the run; under a key it is the same one with the next hub.
        own_key = "" if key or self._attached.serving is not None else f"{OWN_KEY}{uuid4()}"
        self._tell_resumed()
        try:
            submitted = self._patiently(lambda: self._submit(documents, name, input, key or own_key, labels))
        except BaseException as error:
            self._leave()
            if documents is None and isinstance(error, NotFoundError):
                raise Stop(Exit.NOT_FOUND, str(error), _unknown(name)) from None
            raise
        if not submitted.created and key:
            say(f"the key stands for run {short(submitted.run_id)} already")
        return submitted.run_id

    def _submit(
        self, documents: list[Document] | None, name: str, input: Any, key: str, labels: dict[str, str]
    ) -> Submitted:
        if documents is not None:
            from podium.cli.declaring import apply_to

            apply_to(self._attached.client, documents)
        return self._attached.client.submit(name, input, key=key, labels=labels)

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
        return _show(ended, self._options)

    def _tell_resumed(self) -> None:
        serving = self._attached.serving
        if serving is not None and serving.hub.resumed and not self._told:
            say(f"resuming {plural(serving.hub.resumed, 'unfinished run')}")
        self._told = True

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


def _show(ended: Run, options: Options) -> int:
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
