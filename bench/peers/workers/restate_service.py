"""The Restate service under test: one handler of ten `ctx.run` steps, served on an inherited socket."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import restate
from hypercorn.asyncio import serve
from hypercorn.config import Config

from bench.peers.workload import STEPS, result_of

bench = restate.Service("bench")

# The documentation's settings for production: by default Hypercorn closes a connection after a thousand
# requests, which Restate sees as a failure and retries half a second later.
UNLIMITED = 2**31 - 1


async def step(ordinal: int, before: dict[str, Any]) -> dict[str, Any]:
    return result_of(ordinal)


@bench.handler("ten_steps")
async def ten_steps(ctx: restate.Context, before: dict[str, Any]) -> dict[str, Any]:
    answer = before
    for ordinal in range(STEPS):
        answer = await ctx.run_typed(f"step-{ordinal}", step, ordinal=ordinal, before=answer)
    return answer


def main() -> None:
    config = Config()
    config.bind = [f"fd://{sys.argv[1]}"]
    config.h2_max_concurrent_streams = UNLIMITED
    config.keep_alive_max_requests = UNLIMITED
    config.keep_alive_timeout = UNLIMITED
    config.loglevel = "ERROR"
    asyncio.run(serve(restate.app(services=[bench]), config))


if __name__ == "__main__":
    main()
