"""Conversations twice: with native expressions, and with every expression left to jq."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from tests.kernel.conversation import Conversation


@pytest.fixture(params=[False, True], ids=["native", "jq"])
def converse(request: pytest.FixtureRequest) -> Callable[..., Conversation]:
    """Begins a conversation; whatever is said in it must be the same in both ways."""
    return partial(Conversation, asks_jq=request.param)
