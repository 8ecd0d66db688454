"""What can go wrong in a world, and how likely; every seed draws its own subset."""

from __future__ import annotations

from random import Random

import msgspec


class Crash(BaseException):
    """The hub's process is gone, at this very point."""


class Faults(msgspec.Struct, frozen=True):
    """Chances, from 0 to 1, of each fault at each occasion.

    Attributes:
        crash_before_commit: dies before anything is written.
        crash_after_commit: dies when all is durable and nobody has been told.
        crash_at_dispatch: dies between two orders of one batch.
        crash: dies between two steps.
        unknown_commit: the store gives an error; whether it stored is a coin toss.
        full: the disk has no room for a while.
        pause: stops for longer than another hub waits to take over, then goes on as a zombie.
        clock_jump: the wall clock jumps, by up to a day in either direction.
        fail: an agent answers with a failure.
        die: an agent dies in the middle of its attempt.
        mute: an attempt never answers, not even when its deadline passes.
        twice: an agent answers twice.
        late: an answer comes long after the deadline.
        breach: an output breaks its contract.
    """

    crash_before_commit: float = 0
    crash_after_commit: float = 0
    crash_at_dispatch: float = 0
    crash: float = 0
    unknown_commit: float = 0
    full: float = 0
    pause: float = 0
    clock_jump: float = 0
    fail: float = 0
    die: float = 0
    mute: float = 0
    twice: float = 0
    late: float = 0
    breach: float = 0


NONE = Faults()

_MOST = Faults(
    crash_before_commit=0.02,
    crash_after_commit=0.02,
    crash_at_dispatch=0.02,
    crash=0.01,
    unknown_commit=0.02,
    full=0.01,
    pause=0.01,
    clock_jump=0.01,
    fail=0.2,
    die=0.1,
    mute=0.05,
    twice=0.2,
    late=0.1,
    breach=0.1,
)


def draw(random: Random) -> Faults:
    """A random subset of the faults, each as likely as chance has it (swarm testing, Groce et al. 2012)."""
    return Faults(
        **{
            name: getattr(_MOST, name) * random.random() if random.random() < 0.6 else 0.0
            for name in Faults.__struct_fields__
        }
    )
