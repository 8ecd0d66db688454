"""The reference page names every table and column there is, and its queries run."""

from __future__ import annotations

import re
from pathlib import Path

from podium.store.memory import MemoryStore
from podium.views.follower import rebuild
from podium.views.opening import open_reader

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "views.md"


def documented() -> dict[str, list[str]]:
    sections = re.split(
        r"^### ", PAGE.read_text(encoding="utf-8").partition("## Pages")[0], flags=re.MULTILINE
    )
    return {
        section.partition("\n")[0].strip("`"): re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)
        for section in sections[1:]
    }


def test_every_table_and_column_is_documented(tmp_path: Path) -> None:
    rebuild(tmp_path / "views.db", MemoryStore(), shards=())
    connection = open_reader(tmp_path / "views.db")
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    found = {table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")] for table in tables}
    connection.close()
    assert documented() == found


def test_the_queries_of_the_page_run(tmp_path: Path) -> None:
    rebuild(tmp_path / "views.db", MemoryStore(), shards=())
    connection = open_reader(tmp_path / "views.db")
    [sql] = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert connection.execute(sql).fetchall() == []
    connection.close()
