"""The log as evidence: checkpoints, proofs, verification, and the whole of it for people without Podium."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from pathlib import Path as Folder
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from podium.runtime.exporting import Unexportable
from podium.runtime.identity import Caller
from podium.server.gate import needs
from podium.server.problems import Trouble, too_much
from podium.server.routing import answered, noun
from podium.server.served import Served
from podium.server.shapes import Checkpoints, Stated, Verified

Reads = Annotated[Caller, needs("read")]
Audits = Annotated[Caller, needs("audit")]
Number = Annotated[int, Path(ge=0, le=2**62)]

ARCHIVE = "application/gzip"


def router(served: Served) -> APIRouter:
    routes = noun("audit", "/v1/audit")
    exporting: set[str] = set()

    @routes.post("/checkpoint", response_model=Stated)
    async def make_checkpoint(caller: Audits) -> Response:
        """State how far the log has come, and sign it."""
        return answered(await served.ask("checkpoint", {}, caller))

    @routes.get("/checkpoints", response_model=Checkpoints)
    async def checkpoints(
        caller: Reads,
        after: Annotated[int, Query(ge=0, le=2**62)] = 0,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> Response:
        """What was stated and signed, oldest first; `after` is the number of the last one seen."""
        return answered({"items": await served.ask("checkpoints", {"after": after, "limit": limit}, caller)})

    @routes.get("/proofs/{shard}/{seq}", response_model=dict[str, Any])
    async def prove(
        shard: Annotated[int, Path(ge=0, le=65_535)],
        seq: Number,
        caller: Audits,
        note: Annotated[str, Query(max_length=20_000)] = "",
    ) -> Response:
        """The proof that a record is in the log; `tools/verify_podium.py` checks it without the log."""
        return answered(await served.ask("prove", {"shard": shard, "seq": seq, "note": note}, caller))

    @routes.get("/verify", response_model=Verified)
    async def verify(caller: Audits) -> Response:
        """Check all that is stored, but not who signed the checkpoints."""
        return answered(await served.ask("verify", {}, caller))

    @routes.get(
        "/export", response_class=FileResponse,
        responses={200: {"content": {ARCHIVE: {"schema": {"type": "string", "format": "binary"}}}}, 409: {}},
    )  # fmt: skip
    async def export(caller: Audits) -> Response:
        """The whole log as a `.tar.gz`: JSON lines, tiles, checkpoints and the key that signed them."""
        if exporting:
            raise too_much("the log is being written out for somebody already", 10, "exporting")
        exporting.add(caller.principal)
        try:
            await served.ask("checkpoint", {}, caller)
            place = await served.do(_packed, served)
        except Unexportable as error:
            raise Trouble(409, "no-export", str(error), code="conflict") from None
        finally:
            exporting.clear()
        done = BackgroundTask(shutil.rmtree, place, ignore_errors=True)
        return FileResponse(
            place / "audit.tar.gz", media_type=ARCHIVE, filename="audit.tar.gz", background=done
        )

    return routes


def _packed(served: Served) -> Folder:
    """A folder with the archive in it. Raises Unexportable."""
    place = Folder(tempfile.mkdtemp(prefix="podium-audit-"))
    try:
        served.export(place / "audit")
        with tarfile.open(place / "audit.tar.gz", "w:gz", compresslevel=1) as archive:
            archive.add(place / "audit", "audit")
        shutil.rmtree(place / "audit")
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return place
