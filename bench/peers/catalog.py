"""Who is measured: every peer, its environment, its worker, and in words how it is configured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """One configuration of one peer.

    Attributes:
        name: The key in results and tables.
        environment: Name of the peer's lock, environment and worker module.
        tuned: Whether the worker turns the peer's knobs beyond its documentation.
        configuration: What is set, for readers of the results.
    """

    name: str
    environment: str
    tuned: bool
    configuration: str


PODIUM = "podium"

PEERS = (
    Peer(
        "dbos",
        "dbos",
        False,
        "SQLite system database by its URL alone, as documented: rollback journal, pool of 20 connections",
    ),
    Peer(
        "dbos_tuned",
        "dbos",
        True,
        "the same file put in WAL mode beforehand, and one connection",
    ),
    Peer(
        "langgraph",
        "langgraph",
        False,
        "StateGraph of ten nodes, AsyncSqliteSaver, durability=sync: WAL, one connection",
    ),
    Peer(
        "restate",
        "restate",
        False,
        "default single node (24 partitions), Hypercorn with the documented production settings",
    ),
    Peer(
        "restate_tuned",
        "restate",
        True,
        "the same with one partition, so that all runs share one log",
    ),
)

NAMES = (PODIUM, *(peer.name for peer in PEERS))
