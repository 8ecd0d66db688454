"""A program that is started for every attempt."""

from __future__ import annotations

import json
import os
import sys

import book

given = json.load(sys.stdin)
output = {"n": given["n"], "seen": [*given["seen"], "tool"]}
run_id, attempt = os.environ["PODIUM_RUN_ID"], int(os.environ["PODIUM_ATTEMPT"])
book.write("tool", os.environ["PODIUM_KEY"], attempt, run_id, given["n"], output)
json.dump({"result": output}, sys.stdout)
