"""Lines before slots: priority first, then whoever has least under way."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from podium.facts.sharing import PRIORITIES
from podium.kernel.lines import Line


def test_what_is_urgent_is_taken_first_and_of_equals_the_oldest() -> None:
    line = Line[str]()
    for name in ("low 1", "normal 1", "high 1", "normal 2", "high 2"):
        line.add(name, "", name.split()[0])  # type: ignore[arg-type]
    taken = [line.take() for _ in range(5)]
    assert [one.item for one in taken] == ["high 1", "high 2", "normal 1", "normal 2", "low 1"]
    assert taken[0].reason == "next of 5 that wait; priority high, before normal and low"
    assert taken[-1].reason == "", "nothing else waited"
    assert not line


def test_one_that_submits_much_waits_behind_itself() -> None:
    line = Line[str]()
    for number in range(100):
        line.add(f"acme {number}", "acme")
    line.add("globex 0", "globex")
    line.add("initech 0", "initech")
    first = [line.take().item for _ in range(4)]
    assert first == ["acme 0", "globex 0", "initech 0", "acme 1"]


def test_slots_are_shared_evenly_however_long_attempts_take() -> None:
    """Attempts of one tenant take ten times as long: with 4 slots it has 2 of them, and not all."""
    line, slots = Line[tuple[str, int]](), list[tuple[int, str]]()
    for number in range(1_000):
        line.add(("slow", 10), "slow")
        line.add((f"quick {number}", 1), "quick")
    done, shared = Counter[str](), Counter[int]()
    for now in range(200):
        for ends_at, tenant in [one for one in slots if one[0] == now]:
            slots.remove((ends_at, tenant))
            line.end(tenant)
            done[tenant] += 1
        while len(slots) < 4:
            (_, takes), _ = line.take()
            tenant = "slow" if takes > 1 else "quick"
            line.begin(tenant)
            slots.append((now + takes, tenant))
        shared[sum(tenant == "slow" for _, tenant in slots)] += 1
    assert shared[2] > 190
    assert done["quick"] > 380
    assert 30 <= done["slow"] <= 42


def test_the_reason_names_who_else_waited() -> None:
    line = Line[str]()
    for tenant in ("acme", "globex", "", "initech", "hooli"):
        line.add(f"of {tenant}", tenant)
    for tenant in ("acme", "acme", "globex", "", "initech"):
        line.begin(tenant)
    item, reason = line.take()
    assert item == "of hooli"
    assert reason == (
        "next of 5 that wait; tenant hooli has 0 under way; acme has 2, globex has 1, default has 1, "
        "1 more tenants wait"
    )


_ACTS = st.lists(
    st.tuples(
        st.sampled_from(("add", "take", "end", "remove")), st.sampled_from("abc"), st.sampled_from(PRIORITIES)
    ),
    max_size=60,
)


@given(_ACTS)
def test_nothing_is_lost_and_the_next_is_always_one_with_least_under_way(
    acts: list[tuple[str, str, str]],
) -> None:
    line, waiting, slots = Line[int](), dict[int, tuple[str, str]](), Counter[str]()
    for number, (act, tenant, priority) in enumerate(acts):
        if act == "add":
            line.add(number, tenant, priority)  # type: ignore[arg-type]
            waiting[number] = tenant, priority
        elif act == "take" and waiting:
            item, _ = line.take()
            of, urgency = waiting.pop(item)
            others = [(PRIORITIES.index(p), slots[t]) for t, p in waiting.values()]  # type: ignore[arg-type]
            assert all((PRIORITIES.index(urgency), slots[of]) <= other for other in others)
            line.begin(of)
            slots[of] += 1
        elif act == "end" and slots[tenant]:
            line.end(tenant)
            slots[tenant] -= 1
        elif act == "remove" and waiting:
            line.remove(first := min(waiting))
            del waiting[first]
        assert set(line) == set(waiting)
        assert len(line) == len(waiting)
        assert sum(line.tenants.values()) == len(waiting)
