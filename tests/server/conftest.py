"""One hub for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.hubs import Hub, served


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with served(tmp_path_factory.mktemp("hub")) as made:
        yield made
