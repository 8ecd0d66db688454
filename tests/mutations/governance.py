"""Bugs of governance: verdicts, the ledger, approvals, labels, breakers."""

from __future__ import annotations

from tests.mutations.mutation import one

_GOVERNING = "tests/kernel/test_governing.py"
_APPROVALS = "tests/kernel/test_approvals.py"
_BREAKERS = "tests/kernel/test_breakers.py"
_DECIDING = "tests/policy/test_deciding.py"
_LEDGER = "tests/policy/test_ledger.py"
_LIMITING = "tests/policy/test_limiting.py"

GOVERNANCE = (
    # --- verdicts ----------------------------------------------------------------------------------------
    one(
        "denied-and-dispatched",
        "what policy denies is performed all the same",
        "kernel/requests.py",
        'allowed, performed = decision.verdict == "allow", kind not in WITHOUT_ATTEMPTS',
        'allowed, performed = decision.verdict != "approve", kind not in WITHOUT_ATTEMPTS',
        tests=(_GOVERNING,),
    ),
    one(
        "observer-in-the-way",
        "a policy that only observes keeps the others from being asked",
        "policy/deciding.py",
        'self.enforced = tuple(one for one in known if one.version.mode == "enforce")',
        "self.enforced = tuple(\n"
        '            one for one in known if all(other.version.mode == "enforce" for other in known)\n'
        "        )",
        tests=(_DECIDING,),
    ),
    one(
        "error-allows",
        "a condition that cannot be evaluated counts as one that does not hold",
        "policy/bearing.py",
        "                if not is_listed:\n"
        "                    tally.findings.append(_failed(self._policy, rule.rule.id, str(error)))",
        "                if is_listed:\n"
        "                    tally.findings.append(_failed(self._policy, rule.rule.id, str(error)))",
        tests=(_DECIDING,),
    ),
    one(
        "narrower-widens",
        "a policy of a narrower scope allows what a wider one does not",
        "policy/deciding.py",
        "if not prepared.required or not prepared.required <= tally.allows.keys():",
        "if not prepared.required or prepared.required.isdisjoint(tally.allows):",
        tests=(_DECIDING,),
    ),
    one(
        "highest-tier-forgotten",
        "of several tiers the lowest one is asked",
        "policy/deciding.py",
        "tier = max(finding.tier for finding in tally.findings if finding.rank == APPROVE)",
        "tier = min(finding.tier for finding in tally.findings if finding.rank == APPROVE)",
        tests=(_DECIDING,),
    ),
    # --- the ledger --------------------------------------------------------------------------------------
    one(
        "hold-not-released",
        "what an effect held stays held after it was settled",
        "policy/ledger.py",
        "        for one in holds:\n            self._free(one)\n            counter = one.counter\n",
        "        for one in holds:\n            counter = one.counter\n",
        tests=(_GOVERNING,),
    ),
    one(
        "hold-settled-twice",
        "what was settled is kept as held, and settled again with the next word of it",
        "kernel/shared.py",
        "    held = of_run.pop(effect)\n",
        "    held = of_run[effect]\n",
        tests=(_GOVERNING,),
    ),
    one(
        "held-not-counted",
        "a ceiling is compared with what is spent, not with what is held",
        "policy/limiting.py",
        "            taken = spent + held + amount\n",
        "            taken = spent + amount\n",
        tests=(_LIMITING,),
    ),
    one(
        "true-cost-not-booked",
        "what was reserved is booked in place of what it truly cost",
        "policy/ledger.py",
        "            true = _true(counter[1], one.amount, amounts)\n",
        "            true = one.amount\n",
        tests=(_LEDGER, _GOVERNING),
    ),
    one(
        "doubt-releases",
        "an effect in doubt gives back what it held, though it may have been done",
        "kernel/shared.py",
        "        of_run[event.effect] = Held(held.holds, 0, held.since, 0, held.once, True)\n",
        "        shard.ledger.release(_free(shard, record.run_id, event.effect).holds)\n",
        tests=(_GOVERNING,),
    ),
    one(
        "unknown-price-is-free",
        "what nobody knows the price of costs nothing",
        "policy/limiting.py",
        "                tally.findings.append(self._price.finding(self._name, message))\n",
        "",
        tests=(_LIMITING,),
    ),
    one(
        "rate-not-counted",
        "calls do not count for rates",
        "policy/ledger.py",
        "self.rates[counter] = max(self.rates.get(counter, 0), at * 1_000_000) + one.amount * one.span",
        "pass",
        tests=(_GOVERNING,),
    ),
    one(
        "counters-of-last-window",
        "the texts of counters are kept beyond the end of their window",
        "policy/limiting.py",
        "return known[1] if known is not None and known[0] == end else self._made(values, end)",
        "return known[1] if known is not None else self._made(values, end)",
        tests=(_LIMITING,),
    ),
    # --- people ------------------------------------------------------------------------------------------
    one(
        "yes-used-twice",
        "a yes is good for every attempt that follows",
        "kernel/governed.py",
        '    effect.verdict = effect.message = effect.granted = effect.policy = ""\n'
        "    effect.rules = effect.grants = ()",
        '    effect.verdict = effect.message = effect.policy = ""\n    effect.rules = ()',
        tests=(_APPROVALS,),
    ),
    one(
        "yes-for-whatever",
        "a yes is not compared with the exact action that was shown",
        "kernel/approving.py",
        "    if told.action != approval.action:\n",
        "    if False:\n",
        tests=(_APPROVALS,),
    ),
    one(
        "yes-for-easier-terms",
        "what people granted is good whatever policy asks for by now",
        "kernel/governing.py",
        "        (one.tier, one.roles) == (terms.tier, terms.roles)\n        and one.quorum >= terms.quorum\n"
        "        and one.others >= terms.others\n",
        "        True\n",
        tests=(_GOVERNING,),
    ),
    one(
        "one-person-twice",
        "one person who says yes twice makes a quorum",
        "kernel/approving.py",
        'sum(v.verdict == "approve" and v.principal != told.principal for v in approval.votes)',
        'sum(v.verdict == "approve" for v in approval.votes) + approval.terms.quorum - 1',
        tests=(_GOVERNING,),
    ),
    # --- data, breakers ----------------------------------------------------------------------------------
    one(
        "label-lost",
        "a run forgets what labels the data have that it was given",
        "kernel/evolve.py",
        "        run.data_labels = join_labels(run.data_labels, event.labels)\n"
        "    frame = run.frames[effect.frame]",
        "        pass\n    frame = run.frames[effect.frame]",
        tests=(_GOVERNING,),
    ),
    one(
        "breaker-never-opens",
        "an agent that keeps failing is asked on and on",
        "kernel/breaking.py",
        "    if failures >= terms.failures:\n",
        "    if False:\n",
        tests=(_BREAKERS,),
    ),
    # --- what people suspend -----------------------------------------------------------------------------
    one(
        "suspended-in-vain",
        "what waits in line begins though everything is suspended",
        "kernel/queueing.py",
        "    if EVERYTHING in shard.suspended:\n",
        "    if False:\n",
        "I18",
        "I8",
    ),
    one(
        "suspended-for-ever",
        "what waits does not go on as it is resumed",
        "kernel/suspensions.py",
        "    shard.freed.extend(shard.queues)\n",
        "    pass\n",
        "I8",
        "I13",
    ),
    one(
        "suspended-agent-asks-on",
        "attempts of an agent that is suspended get what they ask for",
        "kernel/asking.py",
        "    if (error := refused(step.shard, effect)) is not None:\n",
        "    if (error := None) is not None:\n",
        tests=("tests/kernel/test_suspending.py",),
    ),
)
