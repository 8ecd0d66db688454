"""Bugs of tools, and of agents that ask for them and for each other."""

from __future__ import annotations

from tests.mutations.mutation import one

_TOOLS = "tests/kernel/test_tools.py"
_ASKING = "tests/kernel/test_asking.py"
_UNCLAIMED = "tests/kernel/test_unclaimed.py"
_DOORWAY = "tests/runtime/test_doorway.py"

ASKING = (
    # --- tools -------------------------------------------------------------------------------------------
    one(
        "arguments-unchecked",
        "a tool gets arguments that break its schema",
        "kernel/tools.py",
        "    breaches = check(given)\n",
        "    breaches = check(given) and ()\n",
        tests=(_TOOLS,),
    ),
    one(
        "promise-of-tool-forgotten",
        "a tool that must not be called twice is called again by a retry",
        "kernel/tools.py",
        '"delivery": same_promise(tool.delivery)',
        '"delivery": same_promise("at-least-once")',
        tests=(_TOOLS,),
    ),
    one(
        "own-undo-forgotten",
        "what a tool says of how it is undone is not looked at",
        "kernel/undoing.py",
        'return f"{OWN}{tool.undo.tool}" if tool is not None and tool.undo is not None else ""',
        'return ""',
        tests=(_TOOLS,),
    ),
    # --- asking ------------------------------------------------------------------------------------------
    one(
        "token-outlives-attempt",
        "an attempt that is over is still done what it asks for",
        "kernel/asking.py",
        "if effect is None or effect.token != told.token or effect.status not in",
        "if effect is None or effect.status not in",
        tests=(_ASKING,),
    ),
    one(
        "done-again",
        "what an earlier attempt had done is done again for the next one",
        "kernel/asking.py",
        "    if known is not None:\n        _repeat(",
        "    if known is not None and known.key:\n        _repeat(",
        tests=(_ASKING,),
    ),
    one(
        "key-for-anything",
        "a key gives what it stands for, whatever is asked for by it",
        "kernel/asking.py",
        "    if (call.asked, call.digest) != (wanted.asked, wanted.digest):\n        title",
        "    if False:\n        title",
        tests=(_ASKING,),
    ),
    one(
        "occurrence-forgotten",
        "what is asked for twice alike is done once",
        "kernel/asking.py",
        "return (call for call in effect.calls.values() if call.attempt < effect.attempt)",
        "return (call for call in effect.calls.values())",
        tests=(_ASKING,),
    ),
    one(
        "slot-kept-while-waiting",
        "who waits for an agent keeps the slot that this agent needs",
        "kernel/asked.py",
        "    if not asker.asking:\n        release(shard, run, asker)\n",
        "    if not asker.asking:\n",
        tests=(_ASKING,),
    ),
    one(
        "time-runs-while-waiting",
        "the time of who waits runs on",
        "kernel/asked.py",
        "later = asker.deadline_at + at - asker.asking_since",
        "later = asker.deadline_at",
        tests=(_ASKING,),
    ),
    one(
        "circle-unnoticed",
        "agents hand a thing to each other without end",
        "kernel/asking.py",
        "for above in askers(run, effect):",
        "for above in ():",
        tests=(_ASKING,),
    ),
    one(
        "order-unheeded",
        "who promised to repeat itself may go another way",
        "kernel/asking.py",
        'strict = agent is not None and agent.replay == "strict"',
        "strict = False",
        tests=(_UNCLAIMED,),
    ),
    # --- what nobody claims ------------------------------------------------------------------------------
    one(
        "leftovers-unnoticed",
        "what was done for an earlier attempt, and not asked for again, stands and nobody hears of it",
        "kernel/unclaimed.py",
        'if call.attempt < effect.attempt and call.status != "failed" and _matters(step.view, call)',
        'if call.attempt < effect.attempt and call.status == "failed"',
        tests=(_UNCLAIMED,),
    ),
    one(
        "leftovers-half-undone",
        "leftovers of which some cannot be undone are undone in part, and nobody is asked",
        "kernel/unclaimed.py",
        'if then == "compensate" and not all(_is_undoable',
        'if then == "compensate" and not any(_is_undoable',
        tests=(_UNCLAIMED,),
    ),
    # --- the doorway -------------------------------------------------------------------------------------
    one(
        "pass-kept",
        "the token of a process opens the doorway after its attempt is over",
        "agents/doorway.py",
        "        del self._passes[_name(granted.token)]\n        for",
        "        for",
        tests=(_DOORWAY,),
    ),
    one(
        "pass-handed-on",
        "a token opens the doorway to processes that it was not given to",
        "agents/doorway.py",
        "if granted is None or not self._belongs_to(granted):",
        "if granted is None:",
        tests=(_DOORWAY,),
    ),
)
