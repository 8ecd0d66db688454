"""One environment for each peer, built under `.bench/` from hashed locks and kept until a lock changes."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / ".bench"
WORK = BENCH / "work"
LOCKS = Path(__file__).parent / "locks"
INSTALL_SECONDS = 900

SERVER_LOCKS = ("package.json", "package-lock.json", ".npmrc")


class InstallFailed(Exception):
    """A peer could not be installed; the message names it, the command and what the installer said."""


def prepare_folder() -> None:
    """Create `.bench/` with its own ignore file."""
    BENCH.mkdir(exist_ok=True)
    (BENCH / ".gitignore").write_text("*\n")


def fresh_work_folder() -> None:
    """Create `.bench/work/`, where samples keep their files, without what a killed comparison left there."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()


def python_of(environment: str) -> Path:
    """The interpreter of a peer's environment, installed first where it is not yet; raises InstallFailed."""
    folder = BENCH / "peers" / environment
    lock = LOCKS / f"{environment}.lock"
    python = folder / "venv" / "bin" / "python"
    if not _is_current(folder, [lock]):
        _start_over(folder)
        _install(environment, [sys.executable, "-m", "venv", str(folder / "venv")], folder)
        _install(environment, [str(python), "-m", "pip", *_pip_arguments(lock)], folder)
        _mark_current(folder, [lock])
    return python


def restate_server() -> Path:
    """The binary of the Restate server, installed first where it is not yet; raises InstallFailed."""
    folder = BENCH / "peers" / "restate-server"
    locks = [LOCKS / name for name in SERVER_LOCKS]
    if not _is_current(folder, locks):
        _start_over(folder)
        for lock in locks:
            shutil.copy(lock, folder)
        _install("restate", ["npm", "ci"], folder)
        _mark_current(folder, locks)
    binaries = sorted(folder.glob("node_modules/@restatedev/restate-server-*/bin/restate-server"))
    if not binaries:
        raise InstallFailed("restate: npm has no build of restate-server for this platform")
    return binaries[0]


def _pip_arguments(lock: Path) -> list[str]:
    return ["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(lock)]


def _install(peer: str, command: list[str], folder: Path) -> None:
    print(f"installing {peer}: {' '.join(command)}", file=sys.stderr, flush=True)
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise InstallFailed(f"{peer}: {command[0]} is not on PATH; install it and run again") from error
    except subprocess.TimeoutExpired as error:
        raise InstallFailed(f"{peer}: `{' '.join(command)}` took longer than {INSTALL_SECONDS} s") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise InstallFailed(f"{peer}: `{' '.join(command)}` ended with {done.returncode}:\n{said}")


def _start_over(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _is_current(folder: Path, locks: Iterable[Path]) -> bool:
    stamp = folder / "installed"
    return stamp.exists() and stamp.read_text() == _fingerprint(locks)


def _mark_current(folder: Path, locks: Iterable[Path]) -> None:
    (folder / "installed").write_text(_fingerprint(locks))


def _fingerprint(locks: Iterable[Path]) -> str:
    # A venv is bound to the interpreter that made it.
    digest = hashlib.sha256(f"{sys.version} {sys.base_prefix}".encode())
    for lock in locks:
        digest.update(lock.read_bytes())
    return digest.hexdigest()
