"""Bugs of the log, and of what is told before it is durable."""

from __future__ import annotations

from tests.mutations.mutation import Edit, Mutation, one

_FENCE_TESTS = "tests/store/test_conformance.py"

COMMITS = (
    # --- the log -----------------------------------------------------------------------------------------
    one(
        "epoch-not-fenced",
        "the store takes records of a hub that was taken over",
        "store/memory.py",
        "if head != previous or not head.epoch:",
        "if head[1:] != previous[1:]:",
        "I2",
    ),
    one(
        "sqlite-epoch-not-fenced",
        "the same on SQLite",
        "store/sqlite.py",
        "if head != previous or not head.epoch:",
        "if head[1:] != previous[1:]:",
        tests=(_FENCE_TESTS,),
    ),
    one(
        "sqlite-link-not-compared",
        "a writer appends after a record that is not the one it knows",
        "store/sqlite.py",
        "if head != previous or not head.epoch:",
        "if head[:2] != previous[:2] or not head.epoch:",
        tests=(_FENCE_TESTS,),
    ),
    one(
        "link-forgotten",
        "records are not linked to those before them",
        "runtime/writer.py",
        "entry(hash, record.seq,",
        "entry(bytes(32), record.seq,",
        "I3",
    ),
    one(
        "epoch-adopted-on-reload",
        "a hub that was out of disk goes on under its successor's epoch",
        "runtime/shard.py",
        "if head.epoch != self.writer.head.epoch:",
        "if False:",
        "I2",
        "I6",
    ),
    one(
        "blob-forgotten",
        "a big body is set aside and not stored",
        "runtime/writer.py",
        "blobs.append((digest, body))",
        "pass",
        "KeyError",
    ),
    # --- commit before release ---------------------------------------------------------------------------
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
    one(
        "cancel-not-recorded",
        "a cancellation is acknowledged and forgotten",
        "kernel/decide.py",
        "out.emit(shard, run, e.RunCancelled(principal=told.principal), _why(e.RunCancelledBody, told))",
        "pass",
        "I1",
    ),
)
