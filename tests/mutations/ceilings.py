"""Bugs of governance that only a world in trouble shows: of ceilings, approvals, and work on the same."""

from __future__ import annotations

from tests.mutations.mutation import one

CEILINGS = (
    one(
        "books-not-replayed",
        "records of runs that are out of memory are not booked when a shard is made up from its log",
        "runtime/shard.py",
        "                    share(state, record)\n",
        "",
        "I4",
        "AssertionError",
        "KeyError",
    ),
    one(
        "books-not-kept",
        "a snapshot leaves out what is remembered across runs",
        "runtime/shard.py",
        "                state.open_books(loaded.books)\n",
        "                pass\n",
        "I4",
        "AssertionError",
        "KeyError",
    ),
    one(
        "stopped-for-free",
        "what an attempt held that is told to stop is given back, whatever it took",
        "kernel/shared.py",
        '        shard.torn[f"{run_id}/{effect}/{held.token}"] = held\n',
        "        shard.ledger.release(held.holds)\n",
        "I14",
    ),
    one(
        "silence-is-free",
        "an attempt that does not say what it cost has cost nothing",
        "kernel/booking.py",
        "    return most\n",
        "    return 0\n",
        "I14",
    ),
    one(
        "roles-not-looked-at",
        "anybody may say yes",
        "kernel/approving.py",
        "    if fits(told.roles, terms) or (told.principal in approval.delegates and not by_role):\n",
        "    if True:\n",
        "I15",
    ),
    one(
        "quorum-of-one",
        "one yes is enough, whatever the tier says",
        "kernel/approving.py",
        'return "granted" if others + 1 >= approval.terms.quorum else ""',
        'return "granted"',
        "I15",
    ),
    one(
        "granted-for-another",
        "what people said yes to is not compared with what is done",
        "kernel/governing.py",
        "    if terms is None or effect.granted != action_of(step, effect):\n",
        "    if terms is None:\n",
        tests=("tests/kernel/test_approvals.py",),
    ),
    one(
        "deferred-for-ever",
        "nobody looks again at what was deferred",
        "kernel/decide.py",
        "    decide_due(step)\n",
        "",
        "I13",
    ),
    one(
        "turns-not-taken",
        "two runs are at work on the same at once",
        "kernel/claiming.py",
        "    return Wanted(claim, len(known.holders) >= terms.limit or bool(known.waiting), busy)",
        "    return Wanted(claim, False, busy)",
        "I16",
    ),
    one(
        "turn-never-comes",
        "nobody hears that what a run waits for is free",
        "kernel/shared.py",
        "        shard.freed_claims.append(name)\n",
        "        pass\n",
        "I13",
    ),
)
