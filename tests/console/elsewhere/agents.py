"""Those who work on other machines: what `podium worker` hosts."""

from __future__ import annotations

import asyncio
from typing import Any

from podium.sdk.agent import agent


@agent(name="translator", version="1.1.0", capability="letter.translate", cost={"perCall": {"usd": "0.02"}})
async def translate(letter: str) -> dict[str, Any]:
    """Translates letters, with care."""
    await asyncio.sleep(60)
    return {"letter": letter}
