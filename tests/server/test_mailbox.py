"""Answers from other threads."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from podium.server.mailbox import Mailbox


def test_whatever_comes_from_however_many_threads_reaches_who_waits() -> None:
    async def work() -> list[Any]:
        box = Mailbox()
        futures: list[Future[int]] = [Future() for _ in range(2_000)]
        futures[0].set_result(0)
        waiting = [asyncio.ensure_future(box.of(future)) for future in futures]
        await asyncio.sleep(0)

        def answer(first: int) -> None:
            for number in range(first, len(futures), 4):
                futures[number].set_result(number)

        threads = [threading.Thread(target=answer, args=(first,)) for first in (1, 2, 3, 4)]
        for thread in threads:
            thread.start()
        found = await asyncio.wait_for(asyncio.gather(*waiting), 20)
        for thread in threads:
            thread.join()
        return found

    assert asyncio.run(work()) == list(range(2_000))


def test_errors_are_raised_and_who_waits_no_longer_is_in_nobodys_way() -> None:
    async def work() -> None:
        box = Mailbox()
        gone, failed, done = Future[int](), Future[int](), Future[int]()
        leaving = asyncio.ensure_future(box.of(gone))
        failing, waiting = asyncio.ensure_future(box.of(failed)), asyncio.ensure_future(box.of(done))
        await asyncio.sleep(0)
        leaving.cancel()
        gone.set_result(1)
        failed.set_exception(ValueError("no"))
        done.set_result(2)
        assert await waiting == 2
        with pytest.raises(ValueError, match="no"):
            await failing
        assert leaving.cancelled()

    asyncio.run(work())


def test_answers_that_come_together_wake_the_loop_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> int:
        box, loop = Mailbox(), asyncio.get_running_loop()
        calls, really = [0], loop.call_soon_threadsafe

        def counted(*args: Any) -> Any:
            calls[0] += 1
            return really(*args)

        monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
        futures = [Future[int]() for _ in range(50)]
        waiting = [asyncio.ensure_future(box.of(future)) for future in futures]
        await asyncio.sleep(0)
        for future in futures:
            future.set_result(1)
        await asyncio.gather(*waiting)
        return calls[0]

    assert asyncio.run(work()) == 1
