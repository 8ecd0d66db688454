#!/usr/bin/env python3
"""Check an export of a Podium log, or a proof from one. One file, nothing of Podium, Python 3.9 or newer.

    verify_podium.py EXPORT-FOLDER or PROOF.json  [--key KEY] [--against CHECKPOINT]...

KEY is the log's public key, or a file with it, and CHECKPOINT a file: both from elsewhere, not from whoever
gave you the export. Signatures need the package `cryptography`. The format: docs/reference/audit-format.md.
"""

import argparse
import json
import struct
import sys
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from uuid import UUID

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None

HEADER = struct.Struct(">QQqIHII16s")
FAULTS = []


def fault(kind, message):
    FAULTS.append(f"FAULT  {kind}: {message}")


def tree_root(leaves):
    """RFC 6962, 2.1, over the hashes of leaves."""
    level = list(leaves) or [sha256(b"").digest()]
    while len(level) > 1:
        pairs, odd = zip(level[::2], level[1::2]), level[len(level) // 2 * 2 :]
        level = [sha256(b"\1" + left + right).digest() for left, right in pairs] + odd
    return level[0]


def root_of_path(entry, index, size, path):
    """RFC 6962, 2.1.1: the root that an inclusion proof leads to; None if it cannot be one."""
    hash, inner = sha256(b"\0" + entry).digest(), (index ^ (size - 1)).bit_length()
    if not 0 <= index < size or len(path) != inner + bin(index >> inner).count("1"):
        return None
    for height, other in enumerate(map(b64decode, path)):
        left = height >= inner or index >> height & 1
        hash = sha256(b"\1" + (other + hash if left else hash + other)).digest()
    return hash


class Checkpoint:
    """A signed note: name, size, root, and a statement: a time, and `shard NUMBER SIZE ROOT` for each."""

    def __init__(self, note, where):
        text, _, below = note.rpartition("\n\n")
        self.where, self.text = where, text + "\n"
        self.origin, size, root, self.statement = self.text.split("\n", 3)
        self.size, self.root = int(size), b64decode(root)
        words = map(str.split, self.statement.splitlines()[1:])
        self.heads = {int(shard): (int(size), b64decode(root)) for _, shard, size, root in words}
        self.signatures = [(who, b64decode(made)) for _, who, made in map(str.split, below.splitlines())]

    def check(self, key, origin):
        name, key_id, content = key.strip().split("+", 2)
        typed_key = b64decode(content)
        if sha256(name.encode() + b"\n" + typed_key).hexdigest()[:8] != key_id:
            raise ValueError(f"{key[:60]!r} is no public key of a log")
        own = [content[4:] for who, content in self.signatures if (who, content[:4].hex()) == (name, key_id)]
        if self.origin != origin or name != origin:
            fault("forked", f"{self.where} is of the log {self.origin}, the key of {name}; this is {origin}")
        elif not own:
            fault("resigned", f"{self.where} is not signed by the key {name}+{key_id}")
        elif Ed25519PublicKey:
            try:
                Ed25519PublicKey.from_public_bytes(typed_key[1:]).verify(own[0], self.text.encode())
            except InvalidSignature:
                fault("changed", f"the signature of {self.where} does not hold")


def read_tree(folder, size):
    """The entries of a tree in C2SP `tlog-tiles`, and their hashes. Its other tiles follow from them."""
    entries = []
    for number, width in ((at // 256, min(256, size - at)) for at in range(0, size, 256)):
        path = f"{number % 1000:03}" + (f".p/{width}" if width < 256 else "")
        while number := number // 1000:
            path = f"x{number % 1000:03}/{path}"
        content = (folder / "tile" / "entries" / path).read_bytes()
        while content:
            length = 2 + int.from_bytes(content[:2], "big")
            entries.append(content[2:length])
            content = content[length:]
    return entries, [sha256(b"\0" + entry).digest() for entry in entries]


def shown(folder, entry):
    """A record's entry as a line of JSON has it. What is too long for an entry is in `blobs`."""
    seq, epoch, at, version, name_bytes, envelope_bytes, body_bytes, run = HEADER.unpack_from(entry, 32)
    content = entry[32 + HEADER.size :]
    if envelope_bytes + body_bytes > 65_000:
        content = (folder / "blobs" / content.hex()).read_bytes()
    body = content[name_bytes + envelope_bytes :]
    made = {"seq": seq, "epoch": epoch, "at": at, "version": version, "hash": sha256(entry).hexdigest()}
    made.update(run=str(UUID(bytes=run)) * any(run), type=content[:name_bytes].decode())
    made["envelope"] = json.loads(content[name_bytes:][:envelope_bytes])
    if body[:1] == b"\1":
        made["blob"] = sha256((folder / "blobs" / body[1:].hex()).read_bytes()).hexdigest()
    elif body:
        made.update({"sealed": b64encode(body).decode()} if body[0] < 4 else {"body": json.loads(body)})
    return made


def check_shard(folder, shard, marks):
    """Chain, epochs, lines and tree of a shard; `marks` are (size, root, by whom), the newest first."""
    place, previous, known = folder / "shard" / str(shard), bytes(32), 0
    if not place.is_dir():
        return fault("dropped", f"shard {shard} is missing; {marks[0][2]} knows {marks[0][0]} records of it")
    entries, leaves = read_tree(place, marks[0][0])
    lines = (place / "records.jsonl").read_bytes().splitlines()
    if len(entries) != len(lines):
        fault("truncated", f"shard {shard} has {len(entries)} entries and {len(lines)} lines")
    for size, root, by in marks:
        if size > len(leaves):
            fault("truncated", f"shard {shard} has {len(leaves)} records; {by} knows {size}")
        elif tree_root(leaves[:size]) != root:
            fault("forked", f"the first {size} records of shard {shard} are not those that {by} signs")
    for number, (entry, line) in enumerate(zip(entries, lines), 1):
        where, record = f"record {number} of shard {shard}", shown(folder, entry)
        if record != json.loads(line):
            fault("changed", f"the line of {where} in records.jsonl is not the record")
        if entry[:32] != previous or record["seq"] != number:
            fault("changed", f"{where} does not follow the one before: changed, missing, inserted, reordered")
        if record["epoch"] != known and (record["epoch"] < known or record["type"] != "EpochStarted"):
            fault("epoch", f"{where} is of epoch {record['epoch']}, which never started")
        previous, known = sha256(entry).digest(), record["epoch"]
    return print(f"shard {shard}: {len(entries)} records")


def check_export(folder, newest, others):
    entries, leaves = read_tree(folder, newest.size)
    marks = {}
    for one in (newest, *others):
        if one.size > len(leaves):
            fault("truncated", f"{one.where} counts {one.size} statements, the export {len(leaves)}")
        elif tree_root(leaves[: one.size]) != one.root or entries[one.size - 1].decode() != one.statement:
            fault("forked", f"the statements are not those that {one.where} signs")
        for shard, (size, root) in one.heads.items():
            marks.setdefault(shard, []).append((size, root, one.where))
    for blob in (folder / "blobs").glob("*"):
        if sha256(blob.read_bytes()).hexdigest() != blob.name:
            fault("blob", f"{blob} is changed")
    for shard in sorted(marks):
        check_shard(folder, shard, marks[shard])


def check_proof(proof, newest, others):
    for other in (other for other in others if other.text != newest.text):
        fault("forked", f"the proof is not under {other.where}; `podium audit prove --against` makes such")
    shard, seq, entry = proof["shard"], proof["seq"], b64decode(proof["entry"])
    size, root = newest.heads.get(shard, (0, b""))
    if root_of_path(entry, seq - 1, size, proof["inclusion"]) != root:
        fault("changed", f"record {seq} is not in the tree of shard {shard}")
    path = proof["statement_inclusion"]
    if root_of_path(newest.statement.encode(), newest.size - 1, newest.size, path) != newest.root:
        fault("forked", "the statement is not in the tree that the checkpoint signs")
    print(f"record {seq} of shard {shard}: {entry[32 + HEADER.size :].decode(errors='replace')[:2000]}")


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("what", type=Path)
    asked.add_argument("--key")
    asked.add_argument("--against", action="append", type=Path, default=[], metavar="CHECKPOINT")
    given = asked.parse_args()
    whole, key = given.what.is_dir(), Path(given.key or given.what / "key")
    try:
        proof = {} if whole else json.loads(given.what.read_text())
        note = (given.what / "checkpoint").read_text() if whole else proof["checkpoint"]
        newest = Checkpoint(note, "the newest checkpoint")
        others = [Checkpoint(path.read_text(), str(path)) for path in given.against]
        for one in (newest, *others):
            one.check(key.read_text() if key.is_file() else str(given.key), newest.origin)
        check_export(given.what, newest, others) if whole else check_proof(proof, newest, others)
    except (OSError, ValueError, KeyError, IndexError, TypeError, struct.error) as error:
        fault("unreadable", f"{type(error).__name__}: {error}")
    print(*(FAULTS[:20] or ["no faults"]), sep="\n")
    for checked, what in (
        (Ed25519PublicKey, "signatures: the package `cryptography` is not there"),
        (given.key, "whose key it is: it came along; give the one that you know with --key"),
        (given.against, "whether this is all there ever was: give a checkpoint that you kept with --against"),
    ):
        print(end="" if checked else f"NOT CHECKED  {what}\n")
    print("it does not verify" if FAULTS else "it verifies")
    return min(len(FAULTS), 1)


if __name__ == "__main__":
    sys.exit(main())
