"""The ledger: what is spent, what is held, and how often things were done lately.

A counter is a text: a letter for its book and one for its unit, the place among the values of the run or tree
that it ends with, policy, name and unit, the values of its scope, and when its window ends:
`bn1:finance/run/nano|acme|<run>@0`. `hold`, `settle`,
`release`, `count`, `pause` and `close` alone change it, each the same way wherever the same is told.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from podium.facts.policy import Amounts, Count, Hold

BUDGET, IN_FLIGHT, QUOTA, LATELY, RATE = "bcqlr"
"""Books: budgets; calls in flight; quotas of a calendar's window, of one that moves along; rates."""

MONEY, CALLS, INPUT, OUTPUT, TOKENS, TIME = "nciotm"
"""Units."""

UNBOUND = "-"
"""In place of a number: the counter ends with no run."""

SWEEP_MS = 60_000
"""No more often than this, what is over is forgotten."""

EXACT_MAX = 64
"""So many counts of a window that moves along are kept one by one; of more, neighbours are taken together."""


class Ledger(msgspec.Struct, omit_defaults=True):
    """Amounts by counter.

    Attributes:
        spent: what was truly taken; of quotas, what was counted.
        held: what effects that live have reserved.
        raised: by how much people let a ceiling be passed.
        lately: of windows that move along, when, how much, and until when it counts; oldest first.
        rates: until when a rate is used up, in ns since 1970.
        paused: until when a target asked not to be called, ms since 1970.
        ends: counters by the end of their window.
        bound: counters by the run or tree that they end with.
        closed: runs and trees that are over while something of theirs is still held.
        swept_at: when what is over was forgotten last.
    """

    spent: dict[str, int] = {}
    held: dict[str, int] = {}
    raised: dict[str, int] = {}
    lately: dict[str, list[tuple[int, int, int]]] = {}
    rates: dict[str, int] = {}
    paused: dict[str, int] = {}
    ends: dict[int, list[str]] = {}
    bound: dict[str, list[str]] = {}
    closed: list[str] = []
    swept_at: int = 0

    # --- looking -------------------------------------------------------------------------------------

    def taken(self, counter: str) -> int:
        """What is spent and held of a counter."""
        return self.spent.get(counter, 0) + self.held.get(counter, 0)

    def counted(self, counter: str, now: int) -> int:
        """What counts of a window that moves along, at a moment."""
        return sum(amount for _, amount, until in self.lately.get(counter, ()) if until > now)

    def frees_at(self, counter: str, now: int, wanted: int) -> int:
        """When so much of a window that moves along no longer counts, ms since 1970."""
        freed = 0
        for _, amount, until in self.lately.get(counter, ()):
            if until > now:
                freed += amount
                if freed >= wanted:
                    return until
        return now

    # --- changing ------------------------------------------------------------------------------------

    def hold(self, holds: Iterable[Hold]) -> None:
        """Reserve for an effect."""
        held = self.held
        for one in holds:
            counter = one.counter
            if counter not in held:
                self._begin(counter)
            held[counter] = held.get(counter, 0) + one.amount
            if one.over:
                self.raised[counter] = self.raised.get(counter, 0) + one.over

    def release(self, holds: Iterable[Hold]) -> None:
        """Give back what an effect reserved that never began."""
        for one in holds:
            self._free(one)
            if one.over:
                self._lower(one.counter, one.over)
            self._forget_closed(one.counter)

    def settle(self, holds: Iterable[Hold], amounts: Amounts) -> tuple[Hold, ...]:
        """Book what an effect truly took in place of what it reserved.

        Returns:
            what it took beyond that; it is booked too, since it is true.
        """
        beyond = []
        for one in holds:
            self._free(one)
            counter = one.counter
            if counter[0] != BUDGET or counter not in self.held:
                self._forget_closed(counter)
                continue
            true = _true(counter[1], one.amount, amounts)
            if one.over:
                self._lower(counter, min(one.over, max(0, one.amount - true)))
            if true:
                self.spent[counter] = self.spent.get(counter, 0) + true
            if true > one.amount:
                beyond.append(Hold(counter, true - one.amount))
            if self.closed:
                self._forget_closed(counter)
        return tuple(beyond)

    def count(self, counts: Iterable[Count], at: int) -> None:
        """Count an attempt that starts at a moment, ms since 1970."""
        for one in counts:
            counter, book = one.counter, one.counter[0]
            if book == RATE:
                self.rates[counter] = max(self.rates.get(counter, 0), at * 1_000_000) + one.amount * one.span
            elif book == LATELY:
                self._count_lately(one, at)
            else:
                if counter not in self.spent:
                    self._begin(counter)
                self.spent[counter] = self.spent.get(counter, 0) + one.amount
        if at >= self.swept_at + SWEEP_MS:
            self.sweep(at)

    def pause(self, counters: Iterable[str], until: int) -> None:
        """Call the targets of these rates no more until then, ms since 1970: they asked for it."""
        for counter in counters:
            self.paused[counter] = max(self.paused.get(counter, 0), until)

    def close(self, bound: str) -> None:
        """Forget the counters of a run or tree that is over, as soon as nothing is held in them."""
        counters = self.bound.pop(bound, None)
        if counters is None:
            return
        kept = [counter for counter in counters if not self._drop(counter)]
        if kept:
            self.bound[bound] = kept
            self.closed.append(bound)

    def sweep(self, at: int) -> None:
        """Forget what is over."""
        self.swept_at = at
        for end in [end for end in self.ends if end <= at]:
            kept = [counter for counter in self.ends.pop(end) if not self._drop(counter)]
            if kept:
                self.ends[end] = kept
        for counter in list(self.lately):
            kept_counts = [one for one in self.lately[counter] if one[2] > at]
            if kept_counts:
                self.lately[counter] = kept_counts
            else:
                del self.lately[counter]
        for counter in [counter for counter, until in self.rates.items() if until <= at * 1_000_000]:
            del self.rates[counter]
        for counter in [counter for counter, until in self.paused.items() if until <= at]:
            del self.paused[counter]

    # --- inside --------------------------------------------------------------------------------------

    def _count_lately(self, count: Count, at: int) -> None:
        """Add a count. Two that are taken together count until the later one is over: never too little."""
        known = self.lately.setdefault(count.counter, [])
        while known and known[0][2] <= at:
            del known[0]
        since, amount = at, count.amount
        if len(known) >= EXACT_MAX and at - known[-1][0] < count.span // EXACT_MAX:
            since, before, _ = known.pop()
            amount += before
        known.append((since, amount, at + count.span))

    def _begin(self, counter: str) -> None:
        """Note when a counter ends, the first time that it is used."""
        if counter in self.spent or counter in self.held:
            return
        end = int(counter.rpartition("@")[2])
        if end:
            self.ends.setdefault(end, []).append(counter)
        bound = _bound(counter)
        if bound:
            self.bound.setdefault(bound, []).append(counter)
        self.held[counter] = 0

    def _free(self, hold: Hold) -> None:
        if not hold.amount and hold.counter not in self.held:
            # What holds nothing does not keep a counter from being forgotten.
            return
        left = self.held.get(hold.counter, 0) - hold.amount
        assert left >= 0, f"more is released of {hold.counter} than was held"
        if left or hold.counter[2] != UNBOUND or hold.counter[0] == BUDGET:
            self.held[hold.counter] = left
        else:
            del self.held[hold.counter]

    def _lower(self, counter: str, amount: int) -> None:
        left = self.raised.get(counter, 0) - amount
        if left > 0:
            self.raised[counter] = left
        else:
            self.raised.pop(counter, None)

    def _forget_closed(self, counter: str) -> None:
        if not self.closed:
            return
        bound = _bound(counter)
        if bound in self.closed and not self.held.get(counter):
            self._drop(counter)
            kept = [one for one in self.bound.get(bound, ()) if one != counter]
            if kept:
                self.bound[bound] = kept
            else:
                self.bound.pop(bound, None)
                self.closed.remove(bound)

    def _drop(self, counter: str) -> bool:
        """Forget a counter, unless something is held in it."""
        if self.held.get(counter):
            return False
        self.held.pop(counter, None)
        self.spent.pop(counter, None)
        self.raised.pop(counter, None)
        return True


def _bound(counter: str) -> str:
    """The run or tree that a counter ends with; "" if with none."""
    if counter[2] == UNBOUND:
        return ""
    values = counter[counter.index("|") + 1 : counter.rindex("@")].split("|")
    return values[int(counter[2])]


def _true(unit: str, reserved: int, amounts: Amounts) -> int:
    if unit == MONEY:
        return amounts.cost_nano
    if unit == CALLS:
        return reserved
    if unit == TIME:
        return amounts.duration_ms
    given, made = amounts.input_tokens, amounts.output_tokens
    return {INPUT: given, OUTPUT: made, TOKENS: given + made}[unit]
