"""Values of policies as people write them: spans, rates, percents, opening hours, consequences."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator

from podium.resources.durations import DURATION_MAX_MS, DurationInvalid, parse_duration
from podium.resources.kinds import Model, matching, refusal
from podium.resources.quantities import QuantityInvalid
from podium.resources.troubles import did_you_mean, shown

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_UNITS_MS = {
    "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000,
}  # fmt: skip
_SPAN = re.compile(r"(\d{1,12})(ms|s|m|h|d|w)", re.ASCII)
_RATE = re.compile(r"(\d{1,9})/(\d{0,6})(s|m|h|d)", re.ASCII)
_PERCENT = re.compile(r"(\d{1,3})%", re.ASCII)
_HOURS = re.compile(
    r"(?:(?P<days>[A-Za-z]+(?:[-,][A-Za-z]+)*)(?:\s+|$))?"
    r"(?:(?P<start>\d\d:\d\d)-(?P<until>\d\d:\d\d))?",
    re.ASCII,
)


def parse_span(value: object) -> int:
    """A span of time in ms, from `30s`, `15m`, `4h`, `7d`, or as durations are written elsewhere.

    Raises:
        QuantityInvalid: it is none.
    """
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        span_ms = int(match[1]) * _UNITS_MS[match[2]]
        if span_ms > DURATION_MAX_MS:
            raise QuantityInvalid(f"{shown(value)} is longer than 100 years.")
        return span_ms
    try:
        return parse_duration(value)
    except DurationInvalid as error:
        raise QuantityInvalid(f"{str(error).removesuffix('.')}; or write `30s`, `15m`, `4h`, `7d`.") from None


def parse_rate(value: object) -> tuple[int, int]:
    """Calls, and the ms in which they may come, from `5000/h` or `10/30s`. Raises QuantityInvalid."""
    match = _RATE.fullmatch(value) if isinstance(value, str) else None
    count, per_ms = (int(match[1]), int(match[2] or 1) * _UNITS_MS[match[3]]) if match else (0, 0)
    if not count or not per_ms:
        raise QuantityInvalid(f"{shown(value)} is no rate; write `10/s`, `100/m`, `5000/h` or `3/d`.")
    return count, per_ms


def parse_percent(value: object) -> int:
    """A whole number of percent, from `80%`. Raises QuantityInvalid."""
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 0 < int(match[1]) <= 100:
        raise QuantityInvalid(f"{shown(value)} is no threshold; write `80%`.")
    return int(match[1])


def parse_hours(value: object) -> list[dict[str, Any]]:
    """Days and minutes of the day, from `Mon-Fri 08:00-18:00`, `Sat,Sun`, `09:00-17:00`.

    Hours that go past midnight become those of two days, so that a date that is closed is closed as a whole.

    Raises:
        QuantityInvalid: it is none of these.
    """
    match = _HOURS.fullmatch(value) if isinstance(value, str) and value else None
    if match is None or not any(match.groups()):
        raise QuantityInvalid(f"{shown(value)} are no hours; write `Mon-Fri 08:00-18:00` or `Sat,Sun`.")
    days = _days(match["days"]) if match["days"] else list(range(7))
    if not match["start"]:
        return [{"days": days, "start": 0, "until": 1440}]
    start, until = _minute(match["start"]), _minute(match["until"])
    if start == until or start == 1440:
        raise QuantityInvalid(f"{shown(value)} open for no time; for a whole day leave the hours out.")
    if start < until:
        return [{"days": days, "start": start, "until": until}]
    after = sorted((day + 1) % 7 for day in days)
    spans = [{"days": days, "start": start, "until": 1440}]
    return [*spans, {"days": after, "start": 0, "until": until}] if until else spans


def _days(text: str) -> list[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        start = _day(first)
        end = _day(last) if dash else start
        found.update((start + ahead) % 7 for ahead in range((end - start) % 7 + 1))
    return sorted(found)


def _day(text: str) -> int:
    if text not in DAYS:
        raise QuantityInvalid(
            f"`{shown(text)}` is no day; known: {', '.join(DAYS)}.{did_you_mean(text, DAYS)}"
        )
    return DAYS.index(text)


def _minute(text: str) -> int:
    hours, minutes = int(text[:2]), int(text[3:])
    if minutes > 59 or hours * 60 + minutes > 1440:
        raise QuantityInvalid(f"`{text}` is no time of day; it goes from 00:00 to 24:00.")
    return hours * 60 + minutes


def parse_dates(value: object) -> str:
    """A date or a stretch of them, `2026-12-24..2026-12-26`. Raises QuantityInvalid."""
    first, dots, last = value.partition("..") if isinstance(value, str) else ("", "", "")
    try:
        start = date.fromisoformat(first)
        end = date.fromisoformat(last) if dots else start
    except ValueError:
        start, end = date.max, date.min
    if start > end or not isinstance(value, str) or len(first) != 10:
        raise QuantityInvalid(
            f'{shown(value)} is no date; write "2026-12-25", or "2026-12-24..2026-12-26" for a stretch.'
        )
    return value


def parsed(rule: str, parse: Callable[[object], Any]) -> BeforeValidator:
    """What reads a value, and refuses it by a rule."""

    def read(value: object) -> Any:
        try:
            return parse(value)
        except QuantityInvalid as error:
            raise refusal(rule, str(error)) from None

    return BeforeValidator(read)


def _consequence(*words: str) -> Any:
    listed = ", ".join(f"`{word}`" for word in words)
    known = frozenset(words)

    def check(value: object) -> str:
        if isinstance(value, str) and (value in known or re.fullmatch(r"approve:[1-9]\d{0,2}", value)):
            return value
        if value == "allow":
            message = f"`allow` is not legal here, as it would let through what must not; write {listed} "
        else:
            message = f"`{shown(value)}` is nothing that can follow; write {listed} "
        raise refusal("consequence", message + "or `approve:1`.")

    schema = {"type": "string", "pattern": f"^({'|'.join(words)}|approve:[1-9][0-9]{{0,2}})$"}
    return Annotated[str, BeforeValidator(check), WithJsonSchema(schema)]


Denies = _consequence("deny")
Queues = _consequence("deny", "queue")
Holds = _consequence("deny", "hold")

_SPAN_SCHEMA = {"type": ["string", "object"], "examples": ["30s", "15m", "4h", "PT2H"]}
Span = Annotated[int, parsed("duration", parse_span), Field(ge=1), WithJsonSchema(_SPAN_SCHEMA)]
Rate = Annotated[
    Any, parsed("rate", parse_rate), WithJsonSchema({"type": "string", "examples": ["10/s", "5000/h"]})
]
Percent = Annotated[
    int, parsed("percent", parse_percent), WithJsonSchema({"type": "string", "examples": ["80%"]})
]
OpenHours = Annotated[
    Any,
    parsed("hours", parse_hours),
    WithJsonSchema({"type": "string", "examples": ["Mon-Fri 08:00-18:00", "Sat,Sun"]}),
]
Dates = Annotated[
    str, parsed("date", parse_dates), WithJsonSchema({"type": "string", "examples": ["2026-12-25"]})
]
ItemName = Annotated[
    str,
    matching("name", r"[A-Za-z0-9]([\w.-]{0,62}[A-Za-z0-9])?", "a name; use letters, digits, `-`, `_`, `.`"),
]
Pattern = Annotated[
    str,
    Field(min_length=1, max_length=256),
    matching("pattern", r"[^\s*]+\*?|\*", "a name; it may end in one `*` that stands for anything"),
]
Host = Annotated[
    str,
    Field(min_length=1, max_length=256),
    matching(
        "host",
        r"(\*\.)?[^\s*/@?#\\]+",
        "a host; write `api.example.com`, or `*.example.com` for all below one",
    ),
]
ArgumentPath = Annotated[
    str, matching("path", r"args(\.[A-Za-z_]\w{0,127}){1,16}", "the path of an argument; write `args.amount`")
]


def parts(path: str) -> list[str]:
    """The parts of an argument's path, without `args`."""
    return path.split(".")[1:]


class PolicyModel(Model):
    """Strict, and no member may be empty: what was meant by it cannot be known."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _is_given(cls, value: Any) -> Any:
        if value is None:
            raise refusal("wrong-type", "It is empty; give it a value or leave it out.")
        return value
