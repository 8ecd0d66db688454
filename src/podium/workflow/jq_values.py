"""What jq's operators give for JSON values. Source: the jq manual, checked against jq itself by the tests."""

from __future__ import annotations

from collections.abc import Callable

from podium.facts.values import JSON
from podium.workflow.program import ExpressionFailed, Undecided

EXACT = 2**53
"""Integers from here on lose digits in jq's arithmetic."""

LARGE = 4 * 1024 * 1024
"""Texts and arrays that would be longer are made by jq, in its own process."""

_LARGEST_INDEX = 2**31
_DESCRIBED = 40
_ORDER = {type(None): 0, bool: 1, int: 3, float: 3, str: 4, list: 5, dict: 6}
_NAMES = {
    type(None): "null", bool: "boolean", int: "number", float: "number", str: "string", list: "array",
    dict: "object",
}  # fmt: skip


def type_name(value: JSON) -> str:
    """jq's name for the type of a value."""
    return _NAMES[type(value)]


def truthy(value: JSON) -> bool:
    return value is not None and value is not False


def described(value: JSON) -> str:
    """A value as it stands in messages."""
    if isinstance(value, str):
        return f'string ("{value[:_DESCRIBED]}")'
    if isinstance(value, list | dict):
        return _NAMES[type(value)]
    return f"{_NAMES[type(value)]} ({scalar_text(value)})"


def scalar_text(value: JSON) -> str:
    """A scalar as jq's `tojson` prints it; strings as they are.

    Raises:
        Undecided: a container, or a float that jq prints in a way of its own.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and (1e-4 <= abs(value) < 1e15):
        return repr(value)
    raise Undecided("jq prints this value in a way of its own")


def field(value: JSON, name: str) -> JSON:
    """`.name`"""
    if type(value) is dict:
        return value.get(name)
    if value is None:
        return None
    raise ExpressionFailed(f'Cannot index {type_name(value)} with "{name}"')


def element(value: JSON, index: int) -> JSON:
    """`.[index]`"""
    if type(value) is list:
        try:
            return value[index]
        except IndexError:
            return None
    if value is None:
        return None
    raise ExpressionFailed(f"Cannot index {type_name(value)} with number")


def indexed(value: JSON, key: JSON) -> JSON:
    """`value[key]` where the key is computed."""
    if type(key) is str:
        return field(value, key)
    if type(key) in (int, float) and abs(key) < _LARGEST_INDEX:
        return element(value, int(key // 1))
    raise Undecided("jq knows this kind of index")


def compare(left: JSON, right: JSON) -> int:
    """Less than 0, 0 or more than 0: null < false < true < numbers < strings < arrays < objects."""
    kind, other = type(left), type(right)
    if kind is str and other is str:
        return -1 if left < right else int(left > right)
    order = _ORDER[kind] - _ORDER[other]
    if order:
        return order
    if kind is int or kind is float:
        return _compare_numbers(left, right)
    if kind is list:
        return _compare_arrays(left, right)
    if kind is dict:
        return _compare_objects(left, right)
    return bool(left) - bool(right)


def _compare_numbers(left: int | float, right: int | float) -> int:
    if type(left) is not type(right) and abs(left) >= EXACT and abs(right) >= EXACT:
        raise Undecided("jq compares these by their digits")
    return (left > right) - (left < right)


def _compare_arrays(left: list[JSON], right: list[JSON]) -> int:
    for one, two in zip(left, right, strict=False):
        order = compare(one, two)
        if order:
            return order
    return len(left) - len(right)


def _compare_objects(left: dict[str, JSON], right: dict[str, JSON]) -> int:
    keys = sorted(left)
    order = compare(keys, sorted(right))
    if order:
        return order
    for key in keys:
        order = compare(left[key], right[key])
        if order:
            return order
    return 0


def equal(left: JSON, right: JSON) -> bool:
    kind = type(left)
    if kind is str or left is None:
        return bool(left == right)
    return compare(left, right) == 0


def _settled(result: int | float) -> int | float:
    """A computed number as jq would print and read it again."""
    if -EXACT < result < EXACT:
        return result if type(result) is int or result != int(result) else int(result)
    raise Undecided("jq rounds this number")


def _operands(left: JSON, right: JSON, done: str) -> tuple[int | float, int | float]:
    if type(left) not in (int, float) or type(right) not in (int, float):
        raise ExpressionFailed(f"{described(left)} and {described(right)} cannot be {done}")
    if abs(left) >= EXACT or abs(right) >= EXACT:
        raise Undecided("jq rounds these numbers")
    return left, right


def add(left: JSON, right: JSON) -> JSON:
    """`left + right`"""
    kind, other = type(left), type(right)
    if kind is int and other is int and -EXACT < left < EXACT and -EXACT < right < EXACT:
        return _settled(left + right)
    if left is None:
        return right
    if right is None:
        return left
    if kind is other:
        if kind is str or kind is list:
            if len(left) + len(right) > LARGE:
                raise Undecided("jq makes large texts and arrays")
            return left + right
        if kind is dict:
            return {**left, **right}
    one, two = _operands(left, right, "added")
    return _settled(one + two) or _sum_zero(one, two)


def subtract(left: JSON, right: JSON) -> JSON:
    """`left - right`"""
    if type(left) is list and type(right) is list:
        return [item for item in left if not any(equal(item, gone) for gone in right)]
    one, two = _operands(left, right, "subtracted")
    return _settled(one - two) or _sum_zero(one, two)


def multiply(left: JSON, right: JSON) -> JSON:
    """`left * right`"""
    if type(left) in (str, dict) or type(right) in (str, dict):
        raise Undecided("jq repeats strings and merges objects")
    one, two = _operands(left, right, "multiplied")
    return _settled(one * two) or _product_zero(one, two)


def divide(left: JSON, right: JSON) -> JSON:
    """`left / right`"""
    if type(left) is str and type(right) is str:
        if not left:
            return []
        return left.split(right) if right else list(left)
    one, two = _operands(left, right, "divided")
    if two == 0:
        raise ExpressionFailed(f"{described(left)} and {described(right)} cannot be divided by zero")
    return _settled(one / two) or _product_zero(one, two)


def _sum_zero(left: int | float, right: int | float) -> int:
    if type(left) is float and left == 0 and right == 0:
        raise Undecided("jq keeps the sign of zero")
    return 0


def _product_zero(left: int | float, right: int | float) -> int:
    if left < 0 or right < 0 or type(left) is float or type(right) is float:
        raise Undecided("jq keeps the sign of zero")
    return 0


def negate(value: JSON) -> JSON:
    """`-value`"""
    if type(value) not in (int, float):
        raise ExpressionFailed(f"{described(value)} cannot be negated")
    if not value or abs(value) >= EXACT:
        raise Undecided("jq keeps the sign of zero")
    return -value


def length(value: JSON) -> JSON:
    """`length`"""
    kind = type(value)
    if kind in (str, list, dict):
        return len(value)
    if value is None:
        return 0
    if kind is bool:
        raise ExpressionFailed(f"{described(value)} has no length")
    if abs(value) >= EXACT:
        raise Undecided("jq rounds this number")
    return abs(value)


BINARY: dict[str, Callable[[JSON, JSON], JSON]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": lambda left, right: compare(left, right) < 0,
    "<=": lambda left, right: compare(left, right) <= 0,
    ">": lambda left, right: compare(left, right) > 0,
    ">=": lambda left, right: compare(left, right) >= 0,
}
