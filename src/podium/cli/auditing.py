"""`audit`: check the log, state how far it has come, prove what is in it, and write it out for others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from podium.cli import far, hubs
from podium.cli.exits import Exit, Stop
from podium.cli.options import Options
from podium.cli.output import say, show_json, show_one

if TYPE_CHECKING:
    from podium.audit.notes import Key
    from podium.runtime.verifying import Report
    from podium.store.sqlite_reader import SqliteReader

Given = Annotated[Options, Parameter(parse=False)]


def verify(
    *,
    against: Annotated[tuple[Path, ...], Parameter(negative="")] = (),
    key: str = "",
    options: Given,
) -> int:
    """Check the whole log: links, trees, writers, and checkpoints.

    Without a checkpoint from elsewhere, a log that was cut off or written anew from its beginning, with all
    that belongs to it, looks sound.

    Parameters
    ----------
    against
        A checkpoint from elsewhere, or a folder of them; may be repeated.
    key
        The public key that signed the checkpoints, or a file with it, instead of that of the state folder.
    """
    if far.chosen is not None:
        return _verify_far(against, key, options)
    from podium.runtime.signing import origin_of, public_key, verify_signature
    from podium.runtime.verifying import shown, verify_log

    with _reader(options.state) as reader:
        notes = [note for path in against for note in _notes(path, origin_of(reader.identity()))]
        signer = _key(key) if key else public_key(options.state)
        report = verify_log(reader, signer, verify_signature, notes)
    if options.format in ("json", "jsonl"):
        show_one(shown(report), options.format)
    else:
        _show(report, len(notes))
    _refuse_findings([finding.message for finding in report.findings])
    say(
        "the log is sound"
        if notes
        else "the log is sound in itself; `--against` compares it with checkpoints"
    )
    return Exit.OK


def _verify_far(against: tuple[Path, ...], key: str, options: Options) -> int:
    """What the hub says of its own log; who trusts nobody exports it, and checks that."""
    if against or key:
        hubs.refuse_far("podium audit verify --against")
    with hubs.looked_at(options.state) as client:
        found: Any = client.verify()
    if options.format in ("json", "jsonl"):
        show_one(found, options.format)
    else:
        for shard in found["shards"]:
            records, epoch, hash = shard["records"], shard["epoch"], shard["hash"]
            print(f"shard {shard['shard']}: {records} records, epoch {epoch}, {hash}")
    _refuse_findings([finding["message"] for finding in found["findings"]])
    say("the log is sound, the hub says; `podium audit export` lets you check it yourself")
    return Exit.OK


def _refuse_findings(findings: list[str]) -> None:
    if findings:
        more = f"; and {len(findings) - 1} more" if len(findings) > 1 else ""
        message = f"the log does not verify: {findings[0]}{more}"
        raise Stop(Exit.FAILED, message, "restore it from a backup, and find out who changed it")


def checkpoint(*, to: Annotated[tuple[str, ...], Parameter(negative="")] = (), options: Given) -> int:
    """State how far the log has come, and sign it.

    The checkpoint goes to stdout: keep it where nobody who can change the log can change it too.

    Parameters
    ----------
    to
        Where to take it as well: a folder, `git:` and a folder, or the URL of a witness; may be repeated.
    """
    from podium.runtime.sinks import parse_sink

    if to:
        hubs.refuse_far("podium audit checkpoint --to")
    try:
        places = [parse_sink(one) for one in to]
    except ValueError as error:
        raise Stop(Exit.USAGE, str(error)) from None
    with hubs.asked(options.state) as client:
        made = client.checkpoint()
    if options.format in ("json", "jsonl"):
        show_one(made, options.format)
    else:
        print(made["note"], end="")
    troubles = [trouble for one in places if (trouble := _deliver(one, str(made["note"]), options.state))]
    if troubles:
        raise Stop(Exit.FAILED, "; ".join(troubles))
    return Exit.OK


def prove(event: str, *, against: Path | None = None, options: Given) -> int:
    """Prove that a record is in the log.

    The proof goes to stdout. Who has it, and the log's public key or a checkpoint from elsewhere, checks it
    with `tools/verify_podium.py`, without the log.

    Parameters
    ----------
    event
        The record: shard and seq, `1:17`; of the shard of runs the seq alone.
    against
        The checkpoint that it is to hold under, instead of a new one.
    """
    from podium.runtime.proving import Unprovable
    from podium.runtime.proving import prove as make

    shard, seq = _place(event)
    note = _text(against) if against is not None else ""
    if not note:
        with hubs.asked(options.state) as client:
            client.checkpoint()
    if far.chosen is not None:
        with hubs.looked_at(options.state) as client:
            show_json(client.prove(shard, seq, note))
        return Exit.OK
    with _reader(options.state) as reader:
        try:
            show_json(make(reader, shard, seq, note))
        except Unprovable as error:
            raise Stop(Exit.NOT_FOUND, str(error)) from None
    return Exit.OK


def export(folder: Path, *, options: Given) -> int:
    """Write the log out for people who have no Podium.

    JSON lines, the trees in tiles (C2SP `tlog-tiles`), and all checkpoints; docs/reference/audit-format.md
    describes them. What is sealed stays so.

    Parameters
    ----------
    folder
        Where to; a new folder, or one that holds an earlier export of this log.
    """
    if far.chosen is not None:
        return _export_far(folder)
    from podium.runtime.exporting import Unexportable
    from podium.runtime.exporting import export as write
    from podium.runtime.signing import public_key

    with hubs.asked(options.state) as client:
        client.checkpoint()
    key = public_key(options.state)
    assert key is not None, "a checkpoint was made"
    with _reader(options.state) as reader:
        try:
            made = write(reader, folder, key)
        except Unexportable as error:
            raise Stop(Exit.CONFLICT, str(error)) from None
        except OSError as error:
            raise Stop(Exit.UNREACHABLE, f"{error.filename or folder}: {error.strerror}") from None
    if options.format in ("json", "jsonl"):
        records = {str(shard): size for shard, size in made.records.items()}
        show_one({"folder": str(folder), "statements": made.statements, "records": records}, options.format)
    else:
        for shard, size in made.records.items():
            print(f"shard {shard}: {size} records")
        say(f"check it with: python tools/verify_podium.py {folder}")
    return Exit.OK


def _export_far(folder: Path) -> int:
    """What a hub elsewhere writes out."""
    import tarfile
    import tempfile

    from podium.sdk.http import HttpTransport

    assert far.chosen is not None
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Stop(Exit.CONFLICT, f"{folder} is not empty; choose a new folder")
    with tempfile.NamedTemporaryFile(suffix=".tar.gz") as file:
        HttpTransport(*far.chosen).download("/v1/audit/export", Path(file.name))
        with tempfile.TemporaryDirectory(dir=folder.absolute().parent) as place:
            with tarfile.open(file.name) as archive:
                archive.extractall(place, filter="data")
            (Path(place) / "audit").rename(folder)
    say(f"check it with: python tools/verify_podium.py {folder}")
    return Exit.OK


# --- details ----------------------------------------------------------------------------------------


def _reader(state: Path) -> SqliteReader:
    from podium.bootstrap import reader_of

    if hubs.is_new(state):
        hubs.refuse_new(state)
    return reader_of(state)


def _show(report: Report, checkpoints: int) -> None:
    for shard in report.shards:
        print(f"shard {shard.shard}: {shard.records} records, epoch {shard.epoch}, {shard.hash.hex()}")
    if report.statements:
        how = "signatures checked" if report.signed else "signatures not checked: there is no key"
        print(f"statements: {report.statements}, {how}")
    if checkpoints:
        print(f"checkpoints from elsewhere: {checkpoints}")
    for finding in report.findings:
        print(f"{finding.kind:<10}  {finding.message}")


def _notes(path: Path, origin: str) -> list[tuple[str, str]]:
    """The checkpoints of a file, or those of this log in a folder, by name."""
    if not path.is_dir():
        return [(str(path), _text(path))]
    files = sorted({*path.rglob("*.checkpoint"), *path.rglob("checkpoint")})
    notes = {
        text: str(file)
        for file in files
        if file.is_file() and (text := _text(file)).partition("\n")[0] == origin
    }
    if not notes:
        raise Stop(Exit.NOT_FOUND, f"{path} holds no checkpoint of this log, {origin}")
    return [(name, text) for text, name in notes.items()]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Stop(Exit.NOT_FOUND, f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Stop(Exit.USAGE, f"{path} is no text") from None


def _key(given: str) -> Key:
    from podium.audit.notes import NoteError, parse_key

    text = given if "+" in given and not Path(given).exists() else _text(Path(given))
    try:
        return parse_key(text)
    except NoteError as error:
        raise Stop(Exit.USAGE, f"--key: {error}") from None


def _place(event: str) -> tuple[int, int]:
    shard, _, seq = event.rpartition(":")
    if not seq.isdigit() or not (shard or "1").isdigit() or int(seq) < 1:
        raise Stop(Exit.USAGE, f"{event!r} is no record", "name it by shard and seq, like 1:17")
    return int(shard or 1), int(seq)


def _deliver(place: Any, note: str, state: Path) -> str:
    """Take a checkpoint to a place; why that failed, or ""."""
    from podium.audit.notes import parse, parse_checkpoint, render_signatures
    from podium.runtime.signing import public_key, verify_signature
    from podium.runtime.sinks import History, SinkError, sink_of

    key, parsed = public_key(state), parse(note)
    assert key is not None, "a checkpoint was made"
    with _reader(state) as reader:
        try:
            history = History(reader, parse_checkpoint(parsed.text).size)
            added = sink_of(place, verify_signature).deliver(parsed, key, history)
        except SinkError as error:
            return str(error)
    print(render_signatures(added), end="")
    return ""
