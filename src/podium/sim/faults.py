"""What can go wrong in a world, and how likely; every seed draws its own subset."""

from __future__ import annotations

from random import Random

import msgspec


class Crash(BaseException):
    """The hub's process is gone, at this very point."""


class Faults(msgspec.Struct, frozen=True, omit_defaults=True):
    """Chances, from 0 to 1, of each fault at each occasion.

    Attributes:
        stop: ends in good order between two steps.
        crash: dies between two steps.
        crash_in_claim: dies before or after its claim of a shard is durable.
        crash_in_load: dies while it makes up its state from the log.
        crash_before_commit: dies before anything is written.
        crash_in_commit: dies between write and sync; whether the batch survives is a coin toss.
        crash_after_commit: dies when all is durable and nobody has been told.
        crash_at_dispatch: dies between two orders of one batch.
        crash_at_reply: dies between two replies of one batch.
        crash_in_snapshot: dies before or after a snapshot is kept.
        unknown_commit: the store gives an error; whether it stored is a coin toss.
        full: the disk has no room for a while.
        tight: the disk has no room but a reserve for a while.
        full_at_wake: the disk has no room when a paused hub goes on.
        rot: the newest snapshot is damaged when it is read.
        pause: stops for longer than another hub waits to take over, then goes on as a zombie.
        clock_jump: the wall clock jumps, by up to a day in either direction.
        clock_start: a hub starts with a wall clock that is wrong by up to a day.
        slow_evaluator: an answer of the evaluator takes seconds.
        fail: an agent answers with a failure.
        unstarted: an agent says that it did not begin.
        die: an agent dies in the middle of its attempt.
        mute: an attempt never answers, not even when its deadline passes.
        twice: an agent answers twice.
        late: an answer comes long after the deadline.
        breach: an output breaks its contract.
        stray: a client still asks the former hub.
        repeat: a client says the same thing twice.
    """

    stop: float = 0
    crash: float = 0
    crash_in_claim: float = 0
    crash_in_load: float = 0
    crash_before_commit: float = 0
    crash_in_commit: float = 0
    crash_after_commit: float = 0
    crash_at_dispatch: float = 0
    crash_at_reply: float = 0
    crash_in_snapshot: float = 0
    unknown_commit: float = 0
    full: float = 0
    tight: float = 0
    full_at_wake: float = 0
    rot: float = 0
    pause: float = 0
    clock_jump: float = 0
    clock_start: float = 0
    slow_evaluator: float = 0
    fail: float = 0
    unstarted: float = 0
    die: float = 0
    mute: float = 0
    twice: float = 0
    late: float = 0
    breach: float = 0
    stray: float = 0
    repeat: float = 0


NONE = Faults()

_MOST = Faults(
    stop=0.1,
    crash=0.1,
    crash_in_claim=0.5,
    crash_in_load=0.1,
    crash_before_commit=0.02,
    crash_in_commit=0.02,
    crash_after_commit=0.02,
    crash_at_dispatch=0.02,
    crash_at_reply=0.02,
    crash_in_snapshot=0.05,
    unknown_commit=0.02,
    full=0.1,
    tight=0.1,
    full_at_wake=0.7,
    rot=0.3,
    pause=0.2,
    clock_jump=0.1,
    clock_start=0.6,
    slow_evaluator=0.5,
    fail=0.5,
    unstarted=0.1,
    die=0.1,
    mute=0.1,
    twice=0.4,
    late=0.2,
    breach=0.1,
    stray=0.3,
    repeat=0.3,
)

KINDS = Faults.__struct_fields__


class Chance:
    """Sources of chance by name, so that what is left out of a world does not change the rest of it."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._sources: dict[str, Random] = {}

    def __getitem__(self, name: str) -> Random:
        source = self._sources.get(name)
        if source is None:
            source = self._sources[name] = Random(f"{self._seed} {name}")
        return source


class Dice:
    """Decides when faults strike, and counts them.

    Attributes:
        struck: how often each fault did.
    """

    def __init__(self, chance: Chance, faults: Faults) -> None:
        self._chance = chance
        self._faults = faults
        self.struck = dict.fromkeys(KINDS, 0)

    def strikes(self, kind: str) -> bool:
        """Whether this fault happens now."""
        if self._chance[kind].random() >= getattr(self._faults, kind):
            return False
        self.struck[kind] += 1
        return True

    def toss(self) -> bool:
        return self._chance["toss"].random() < 0.5

    def heal(self) -> None:
        """No faults from now on."""
        self._faults = NONE


class Conditions(msgspec.Struct, frozen=True):
    """What a world is like, beside its seed; a violation is shrunk by making these smaller.

    Attributes:
        runs: numbers of the runs that are submitted.
        within_ms: how long it takes until the last of them is.
        troubled_ms: how long faults happen; after that the world heals.
        snapshot_records: a snapshot is taken after so many records.
        passivate_ms: a run that is idle for longer leaves memory.
        meddling: how likely an operator who looks at a run cancels or suspends it.
        subjects: how likely a run is about somebody, who is erased later.
        schedules: whether some runs begin by themselves.
    """

    faults: Faults
    runs: tuple[int, ...] = tuple(range(12))
    within_ms: int = 90_000
    troubled_ms: int = 120_000
    snapshot_records: int = 50_000
    passivate_ms: int = 5_000
    meddling: float = 0.02
    subjects: float = 0.0
    schedules: bool = False


def draw(seed: int) -> Conditions:
    """The conditions of a seed: a random subset of the faults, each as likely as chance has it (swarm
    testing, Groce et al. 2012), and knobs at values that production never has.
    """
    random = Random(f"conditions {seed}")
    faults = {
        name: getattr(_MOST, name) * random.random() if random.random() < 0.5 else 0.0 for name in KINDS
    }
    return Conditions(
        Faults(**faults),
        within_ms=random.choice((3_000, 30_000, 90_000)),
        snapshot_records=random.choice((1, 5, 20, 60, 50_000)),
        passivate_ms=random.choice((0, 0, 500, 5_000)),
        meddling=random.choice((0.0, 0.02, 0.2)),
        subjects=random.choice((0.0, 0.1, 0.3)),
        schedules=random.random() < 0.4,
    )
