"""A witness by C2SP `tlog-witness`, kept to the letter: it signs what follows from what it signed before."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from podium.audit.merkle import verify_consistency
from podium.audit.notes import (
    COSIGNATURE,
    Key,
    NoteError,
    Signature,
    decode,
    parse,
    parse_checkpoint,
    render_signatures,
    signed_by,
)
from podium.runtime.signing import verify_signature


class Witness:
    """Serves until closed.

    Attributes:
        key: its own.
        known: log to (size, root) of what it signed last.
        failing: whether it answers nothing but errors.
    """

    def __init__(self, *logs: Key) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
        self.key = Key("witness.example", COSIGNATURE, self._private.public_key().public_bytes_raw())
        self.logs = {key.name: key for key in logs}
        self.known: dict[str, tuple[int, bytes]] = {}
        self.failing = False
        self.asked = 0
        witness = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version: ClassVar[str] = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                code, kind, reply = witness.answer(self.path, body)
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(reply.encode())))
                self.end_headers()
                self.wfile.write(reply.encode())

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def answer(self, path: str, body: str) -> tuple[int, str, str]:
        self.asked += 1
        if self.failing:
            return 500, "text/plain", "out of order"
        head, _, rest = body.partition("\n\n")
        # The note's own text has no empty line, so the first one ends the proof.
        lines = head.split("\n")
        try:
            old, proof = int(lines[0].removeprefix("old ")), [decode(line) for line in lines[1:] if line]
            note = parse(rest)
            checkpoint = parse_checkpoint(note.text)
        except (NoteError, ValueError) as error:
            return 400, "text/plain", str(error)
        key = self.logs.get(checkpoint.origin)
        if path != "/add-checkpoint" or key is None:
            return 404, "text/plain", "unknown log"
        if not signed_by(note, key, verify_signature):
            return 403, "text/plain", "not signed by the log"
        if old > checkpoint.size:
            return 400, "text/plain", "old size beyond the checkpoint's"
        size, root = self.known.get(checkpoint.origin, (0, b""))
        if old != size:
            return 409, "text/x.tlog.size", f"{size}\n"
        if size and not verify_consistency(size, checkpoint.size, proof, root, checkpoint.root):
            return 422, "text/plain", "the proof does not hold"
        self.known[checkpoint.origin] = (checkpoint.size, checkpoint.root)
        return 200, "text/plain", render_signatures([self._cosign(note.text)])

    def _cosign(self, text: str) -> Signature:
        at = 1_700_000_000
        signed = self._private.sign(f"cosignature/v1\ntime {at}\n{text}".encode())
        return Signature(self.key.name, self.key.id, at.to_bytes(8, "big") + signed)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
