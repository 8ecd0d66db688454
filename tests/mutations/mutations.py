"""Bugs to seed, one at a time: text replacements in the sources, and what must catch each."""

from __future__ import annotations

from typing import NamedTuple


class Edit(NamedTuple):
    """One replacement; `old` occurs exactly once in the file, which is named below `src/podium`."""

    file: str
    old: str
    new: str


class Mutation(NamedTuple):
    """A bug.

    Attributes:
        breaks: what no longer holds, for the table in docs/testing.md.
        caught_by: the guarantees (or exceptions) that the simulator may name when it finds it.
        tests: node ids of the tests that find it, where the simulator is not the one to.
    """

    name: str
    breaks: str
    edits: tuple[Edit, ...]
    caught_by: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()


def _one(
    name: str, breaks: str, file: str, old: str, new: str, *caught_by: str, tests: tuple[str, ...] = ()
) -> Mutation:
    return Mutation(name, breaks, (Edit(file, old, new),), caught_by, tests)


_FENCE_TESTS = "tests/store/test_conformance.py"

MUTATIONS = (
    # --- the log --------------------------------------------------------------------------------------
    _one(
        "epoch-not-fenced",
        "the store takes records of a hub that was taken over",
        "store/memory.py",
        "if found.head() != previous or not found.epoch:",
        "if found.head()[1:] != previous[1:]:",
        "I2",
    ),
    _one(
        "sqlite-epoch-not-fenced",
        "the same on SQLite",
        "store/sqlite.py",
        "if head != previous or not head.epoch:",
        "if head[1:] != previous[1:]:",
        tests=(_FENCE_TESTS,),
    ),
    _one(
        "sqlite-link-not-compared",
        "a writer appends after a record that is not the one it knows",
        "store/sqlite.py",
        "if head != previous or not head.epoch:",
        "if head[:2] != previous[:2] or not head.epoch:",
        tests=(_FENCE_TESTS,),
    ),
    _one(
        "link-forgotten",
        "records are not linked to those before them",
        "runtime/writer.py",
        "hash = link(hash, record.seq,",
        "hash = link(bytes(32), record.seq,",
        "I3",
    ),
    _one(
        "epoch-adopted-on-reload",
        "a hub that was out of disk goes on under its successor's epoch",
        "runtime/shard.py",
        "if head.epoch != self.writer.head.epoch:",
        "if False:",
        "I2",
        "I6",
    ),
    _one(
        "blob-forgotten",
        "a big body is set aside and not stored",
        "runtime/writer.py",
        "blobs.append((digest, body))",
        "pass",
        "KeyError",
    ),
    # --- commit before release ------------------------------------------------------------------------
    Mutation(
        "dispatch-before-commit",
        "attempts go out before the record that starts them is durable",
        (
            Edit(
                "runtime/host.py",
                "out = self.shard.step(inputs, now)\n",
                "out = self.shard.step(inputs, now, lambda out: self._dispatch(out.orders))\n"
                "            out.orders.clear()\n",
            ),
            Edit(
                "runtime/shard.py",
                "def step(self, inputs: Iterable[Input], now: int) -> Outcome:",
                "def step(self, inputs: Iterable[Input], now: int, early=lambda out: None) -> Outcome:",
            ),
            Edit(
                "runtime/shard.py",
                "self.state = None\n        self._commit(state, out, loaded)",
                "self.state = None\n        early(out)\n        self._commit(state, out, loaded)",
            ),
        ),
        ("I11",),
    ),
    Mutation(
        "acknowledge-before-append",
        "people are told that something was accepted before it is durable",
        (
            Edit(
                "runtime/host.py",
                "out = self.shard.step(inputs, now)\n",
                "tell = lambda out: [self._on_reply(*one) for one in out.replies]\n"
                "            out = self.shard.step(inputs, now, tell)\n",
            ),
            Edit(
                "runtime/shard.py",
                "def step(self, inputs: Iterable[Input], now: int) -> Outcome:",
                "def step(self, inputs: Iterable[Input], now: int, early=lambda out: None) -> Outcome:",
            ),
            Edit(
                "runtime/shard.py",
                "self.state = None\n        self._commit(state, out, loaded)",
                "self.state = None\n        early(out)\n        self._commit(state, out, loaded)",
            ),
        ),
        ("I1", "I13"),
    ),
    _one(
        "cancel-not-recorded",
        "a cancellation is acknowledged and forgotten",
        "kernel/decide.py",
        "out.emit(shard, run, e.RunCancelled(principal=told.principal), _why(e.RunCancelledBody, told))",
        "pass",
        "I1",
    ),
    # --- attempts -------------------------------------------------------------------------------------
    _one(
        "stale-reply-applied",
        "a reply to a former attempt settles the effect",
        "kernel/settling.py",
        'if effect is None or effect.token != reported.token or effect.status != "running":',
        'if effect is None or effect.status != "running":',
        "I7",
    ),
    _one(
        "stale-reply-dropped",
        "a reply that comes too late leaves no trace",
        "kernel/settling.py",
        "    step.emit(late, body)\n",
        "",
        "I7",
    ),
    _one(
        "settled-twice",
        "an effect stays open after its outcome",
        "kernel/evolve.py",
        "effect = run.effects.pop(event.effect)",
        "effect = run.effects[event.effect]",
        "I7",
        "I8",
        "I13",
        "AssertionError",
        "KeyError",
    ),
    _one(
        "at-most-once-resent",
        "an at-most-once attempt that was lost is made again",
        "kernel/settling.py",
        'elif reported.status == "lost" and effect.delivery == "at-most-once":',
        "elif False:",
        "I5",
    ),
    _one(
        "lost-attempts-forgotten",
        "a new hub believes that the attempts of the former one still run",
        "kernel/decide.py",
        "        for effect in list(run.effects.values()):\n"
        '            if effect.status == "running":\n'
        "                report(",
        "        for effect in list(run.effects.values()):\n            if False:\n                report(",
        "I6",
    ),
    _one(
        "contract-not-checked",
        "an output that breaks the contract settles the effect",
        "kernel/settling.py",
        "        if breaches:\n            title = ",
        "        if False:\n            title = ",
        "I7",
    ),
    _one(
        "retries-given-up",
        "an effect fails although its contract allows another attempt",
        "kernel/settling.py",
        "effect.failures + 1 >= agent.retry.attempts",
        "effect.failures >= 0",
        "I6",
    ),
    _one(
        "retry-limit-ignored",
        "a try is repeated more often than its policy allows",
        "kernel/catching.py",
        "if policy.attempts is not None and frame.tries >= policy.attempts:",
        "if False:",
        "I6",
    ),
    _one(
        "losers-not-told",
        "the losers of a race run on",
        "kernel/leaving.py",
        "shard.abandoned.append((run.id, effect.id, effect.token))",
        "pass",
        "I7",
    ),
    _one(
        "silence-believed",
        "an attempt that never answers is waited for without end",
        "kernel/decide.py",
        "    overdue(step)\n    requeue_due",
        "    requeue_due",
        "I9",
        "I13",
    ),
    _one(
        "silence-taken-for-failure",
        "an at-most-once attempt that never answered counts as failed, though nobody knows",
        "kernel/settling.py",
        'status="lost" if effect.delivery == "at-most-once" else "failed",',
        'status="failed",',
        "I5",
    ),
    _one(
        "key-by-attempt",
        "every attempt of an effect has an idempotency key of its own",
        "kernel/outcome.py",
        'f"{run.id}/{effect.id}"',
        'f"{run.id}/{effect.id}/{effect.attempt}"',
        "I7",
    ),
    _one(
        "pause-ignored",
        "the contract's pause before another attempt is not made",
        "kernel/settling.py",
        "return now + _pause(step.run.id, effect, agent)",
        "return now",
        "I6",
    ),
    _one(
        "limit-of-time-ignored",
        "a try is repeated for longer than its policy allows",
        "kernel/catching.py",
        "if limit and now + pause > frame.entered_at + limit:",
        "if False:",
        "I6",
    ),
    _one(
        "catch-catches-itself",
        "a catch catches the errors of its own body, again and again",
        "kernel/catching.py",
        'if frame.kind == "try" and frame.phase == "":',
        'if frame.kind == "try":',
        "I6",
        "KeyError",
    ),
    _one(
        "cost-lost",
        "what a failed attempt cost is not booked",
        "kernel/evolve.py",
        "    effect.cost_nano += event.cost_nano\n    run.cost_nano += event.cost_nano\n",
        "    effect.cost_nano += event.cost_nano\n",
        "I7",
    ),
    _one(
        "reports-dropped",
        "what agents report while the disk is full is lost",
        "runtime/host.py",
        "self._kept.append(told)",
        "pass",
        "I7",
    ),
    _one(
        "suspended-run-skipped-in-recovery",
        "a suspended run's attempts are believed to run after a restart",
        "kernel/decide.py",
        "    for run in list(shard.runs.values()):\n        step = Step(shard, run, view, out)\n",
        "    for run in list(shard.runs.values()):\n        if run.status == 'suspended':\n"
        "            continue\n        step = Step(shard, run, view, out)\n",
        "I6",
    ),
    # --- slots and queues -----------------------------------------------------------------------------
    _one(
        "slot-leaked",
        "an attempt whose task was torn down keeps its slot",
        "kernel/leaving.py",
        "        release(shard, effect)\n        shard.abandoned",
        "        shard.abandoned",
        "I8",
    ),
    _one(
        "limit-off-by-one",
        "an agent gets one attempt more than it may",
        "kernel/settling.py",
        "shard.running.get(digest, 0) < view.limit(digest)",
        "shard.running.get(digest, 0) <= view.limit(digest)",
        "I8",
    ),
    _one(
        "queue-jumped",
        "who comes last is served first",
        "kernel/requests.py",
        "not step.shard.queues.get(digest) and ",
        "",
        "I8",
    ),
    _one(
        "queue-lost",
        "who waits for a slot is forgotten by a new hub",
        "kernel/state.py",
        "self.queues.setdefault(effect.digest, deque()).append((run.id, effect.id))",
        "pass",
        "I8",
    ),
    # --- time -----------------------------------------------------------------------------------------
    _one(
        "timer-early",
        "a wait ends before its time",
        "kernel/tasks.py",
        "elif frame.wake_at and frame.wake_at <= now:",
        "elif frame.wake_at and frame.wake_at <= now + 800:",
        "I9",
    ),
    _one(
        "time-goes-back",
        "kernel time follows a wall clock that jumps back",
        "kernel/decide.py",
        "    if now > shard.now:\n        shard.now = now\n    _INPUTS",
        "    shard.now = now\n    _INPUTS",
        "I9",
    ),
    _one(
        "time-stands-still",
        "after a wall clock that was wrong, time waits for it to catch up",
        "runtime/clock.py",
        "self._offset = at - self._monotonic()",
        "pass",
        "I9",
        "I13",
    ),
    _one(
        "wall-time-in-the-fold",
        "folding the log twice gives two states",
        "kernel/evolve.py",
        "run.ended_at = record.at",
        'run.ended_at = __import__("time").perf_counter_ns()',
        "I4",
    ),
    _one(
        "deadline-too-late",
        "an attempt may go on when its task's time is over",
        "kernel/requests.py",
        "return min(own, task_deadline_at)",
        "return max(own, task_deadline_at)",
        "I9",
    ),
    _one(
        "deadline-of-run-forgotten",
        "nobody looks at a run when its time is over",
        "kernel/evolve.py",
        "    if event.deadline_at:\n        shard.wake(run.id, event.deadline_at)\n    return run",
        "    return run",
        "I9",
    ),
    _one(
        "clock-started-afresh",
        "a hub with a wrong clock does not go on from the time of the log",
        "runtime/host.py",
        "self._clock.at_least(self.shard.state.now)",
        "pass",
        "I9",
        "I13",
    ),
    _one(
        "snapshot-without-time",
        "after a restart from a snapshot kernel time goes back",
        "runtime/shard.py",
        "state.seq, state.now = loaded.seq, loaded.now",
        "state.seq = loaded.seq",
        "I9",
    ),
    _one(
        "set-back-holds-up",
        "what is due at once waits until a wall clock that was set back has caught up",
        "runtime/host.py",
        "return max(now, self.shard.state.now)",
        "return now",
        tests=("tests/runtime/test_host.py",),
    ),
    # --- runs -----------------------------------------------------------------------------------------
    _one(
        "suspension-ignored",
        "a suspended run starts attempts",
        "kernel/settling.py",
        '                and run.status == "running"\n',
        "",
        "I7",
    ),
    _one(
        "key-ignored",
        "a key that stands for another input is accepted",
        "kernel/decide.py",
        "if known.submitted == submitted and told.key:",
        "if told.key:",
        "I7",
    ),
    _one(
        "key-forgotten",
        "a key is forgotten once its run has left memory",
        "runtime/shard.py",
        "if run_id not in state.runs and not (type(told) is i.SubmitRun and not told.key):",
        "if run_id not in state.runs and type(told) is not i.SubmitRun:",
        "I7",
        "AssertionError",
    ),
    _one(
        "events-repeated",
        "an event that comes twice is received twice",
        "kernel/receiving.py",
        'if identity and f"{source} {identity}" in run.seen:',
        "if False:",
        "I7",
    ),
    _one(
        "event-for-all-kept",
        "an event for all is given to a task that listens only later",
        "kernel/evolve.py",
        "run.frame_last if event.fleeting else 0",
        "1 << 60",
        "I7",
    ),
    _one(
        "event-for-all-missed",
        "an event for all does not reach runs that wait in the cold",
        "runtime/shard.py",
        "wanted.update(dict.fromkeys(self._listening()))",
        "pass",
        "I1",
    ),
    _one(
        "wakeup-lost",
        "a task that begins to listen does not look at what came before",
        "kernel/evolve.py",
        "        if run.buffer:\n            run.ready[frame.id] = None\n",
        "        pass\n",
        "I13",
    ),
    _one(
        "question-forgotten",
        "what was asked of the evaluator when the disk ran full is never asked again",
        "runtime/shard.py",
        "        if self._reloaded:\n            resume(state, self.view, out)\n",
        "",
        "I13",
    ),
    _one(
        "question-changes",
        "a question is another one each time it is asked, and its answer fits none",
        "kernel/tasks.py",
        "at = step.evaluation.since(parent.id, node.index)",
        "at = step.shard.now",
        "I13",
    ),
    _one(
        "rest-put-off",
        "a run that has more to do than one step does is never taken up again",
        "kernel/tasks.py",
        "shard.wake(run.id, shard.now)\n            return",
        "return",
        "I13",
    ),
    _one(
        "buffered-event-wakes-a-wait",
        "a wait that begins while an event lies in the buffer breaks the kernel",
        "kernel/evolve.py",
        '    elif event.kind != "wait":\n        run.ready[frame.id] = None',
        '    elif event.kind != "wait" or run.buffer:\n        run.ready[frame.id] = None',
        "KeyError",
    ),
    # --- snapshots and the cold -----------------------------------------------------------------------
    _one(
        "snapshot-misses-a-run",
        "a run is gone after a restart",
        "runtime/shard.py",
        "list(state.runs.values()))\n        )\n        digest",
        "list(state.runs.values())[1:])\n        )\n        digest",
        "I4",
        "KeyError",
    ),
    _one(
        "folded-twice",
        "records that are in the cold are folded into it again after a restart",
        "runtime/shard.py",
        "if frozen.seq >= record.seq:",
        "if False:",
        "I4",
        "AssertionError",
        "KeyError",
    ),
    _one(
        "former-state-kept",
        "a run's former state in the cold is taken for its present one",
        "runtime/shard.py",
        "if frozen.get(_key(run)) == run.seq:",
        "if _key(run) in frozen:",
        "I4",
    ),
    _one(
        "successor-not-noticed",
        "a hub that was taken over decides on runs that its successor left in the cold",
        "runtime/shard.py",
        "if frozen.seq > state.seq:",
        "if False:",
        "KeyError",
        tests=("tests/runtime/test_shard.py",),
    ),
    _one(
        "listener-lost",
        "a run that listens is not found in the cold by events",
        "runtime/shard.py",
        '        yield Wait("event", ANY_EVENT, 0)\n',
        "        pass\n",
        "I4",
    ),
    _one(
        "cold-run-not-read",
        "a run that left memory is not found by what names it",
        "runtime/shard.py",
        "for frozen in self.store.cold(self.number, runs):\n            run = ",
        "for frozen in ():\n            run = ",
        "I4",
        "I7",
        "I13",
        "AssertionError",
    ),
    _one(
        "mark-forgotten",
        "a run that waits in memory is in the cold without its timer, and nothing there says so",
        "runtime/shard.py",
        'waits=(IN_MEMORY, *(w for w in row.waits if w.kind != "timer"))',
        'waits=tuple(w for w in row.waits if w.kind != "timer")',
        "I9",
    ),
    _one(
        "family-split",
        "a run leaves memory while another one there waits for it",
        "runtime/shard.py",
        "if run.root or run.children\n",
        "if False\n",
        "I4",
    ),
    _one(
        "orphan-goes-on",
        "a run goes on though the task that waited for it ended",
        "kernel/families.py",
        "            _cancel(shard, run, out)\n",
        "            pass\n",
        "I4",
    ),
    _one(
        "end-below-untold",
        "a run that another one waits for ends, and nobody tells that one",
        "kernel/families.py",
        "            _ended(shard, run, view, out)\n",
        "            pass\n",
        "I4",
    ),
    _one(
        "suspended-above-alone",
        "a run is suspended, and those below it go on",
        "kernel/decide.py",
        "    for one in (run, *below(shard, run)):\n        if one.status",
        "    for one in (run,):\n        if one.status",
        tests=("tests/kernel/test_nesting.py",),
    ),
    _one(
        "event-of-a-run-twice",
        "an event that a run emits is settled only when it was received",
        "kernel/decide.py",
        "    settle(step, effect, told.event, 0, {})\n    _broadcast(",
        "    _broadcast(",
        tests=("tests/kernel/test_emitting.py",),
    ),
    _one(
        "event-finds-one-type",
        "a run in the cold is found by events of one type alone",
        "runtime/shard.py",
        "for key in sorted(event_keys(run, view)):",
        "for key in sorted(event_keys(run, view))[:1]:",
        "I4",
        "I1",
    ),
    _one(
        "mark-not-read",
        "after a restart nobody looks for runs that waited in memory",
        "runtime/shard.py",
        "state = self._load()\n        self._recall(state)",
        "state = self._load()",
        "I4",
        "I9",
        "I13",
    ),
    _one(
        "hub-spins",
        "a run that waits for a slot in the cold keeps the hub busy",
        "runtime/shard.py",
        "return run.id not in state.pending and idle(run) and not _due(run, state.now + self._passivate_ms)",
        "due = next_wake(run, state.now)\n"
        "        return run.id not in state.pending and idle(run) and (\n"
        "            not due or due > state.now + self._passivate_ms\n"
        "        )",
        "I13",
    ),
    # --- plans ----------------------------------------------------------------------------------------
    _one(
        "proof-in-a-circle",
        "a comparison proves something by itself",
        "contracts/proving.py",
        "return known < self._depth",
        "return True",
        tests=("tests/contracts/test_pairs.py",),
    ),
    _one(
        "additional-forgotten",
        "members that a pattern names are taken for the others",
        "contracts/cases.py",
        'if "additionalProperties" in one and not one.get("patternProperties")',
        'if "additionalProperties" in one',
        tests=("tests/contracts/test_pairs.py",),
    ),
    _one(
        "guess-as-promise",
        "data behind a condition breaks what the condition saw to",
        "contracts/certainty.py",
        "if any(case.says_nothing or is_guess(case.parts) for case in cases):",
        "if any(case.says_nothing for case in cases):",
        tests=("tests/planning/test_flow.py",),
    ),
    _one(
        "break-applied",
        "what the plan says breaks is applied without force",
        "kernel/declaring.py",
        "if found.breaks and not told.force:",
        "if False:",
        tests=("tests/kernel/test_declaring.py",),
    ),
    _one(
        "deleted-name-stays",
        "a name goes on meaning what was deleted",
        "kernel/catalog.py",
        "            self._name_anew()\n",
        "            pass\n",
        tests=("tests/kernel/test_declaring.py",),
    ),
    _one(
        "cold-runs-not-counted",
        "what only runs out of memory are pinned to is deleted",
        "runtime/pinned.py",
        "    for status in UNFINISHED:",
        "    for status in ():",
        tests=("tests/runtime/test_declared.py",),
    ),
)
