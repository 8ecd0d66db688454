"""A program that asks the hub by its socket."""

from __future__ import annotations

import json
import os
import socket
import sys

import book

given = json.load(sys.stdin)
with socket.socket(socket.AF_UNIX) as hub:
    hub.connect(os.environ["PODIUM_SOCKET"])
    request = {"token": os.environ["PODIUM_TOKEN"], "id": 1, "tool": "ink", "args": given}
    hub.sendall(json.dumps(request).encode() + b"\n")
    with hub.makefile() as answers:
        got = json.loads(answers.readline())["result"]
output = {"n": got["n"], "seen": [*got["seen"], "scribe"]}
run_id, attempt = os.environ["PODIUM_RUN_ID"], int(os.environ["PODIUM_ATTEMPT"])
book.write("scribe", os.environ["PODIUM_KEY"], attempt, run_id, given["n"], output)
json.dump({"result": output}, sys.stdout)
