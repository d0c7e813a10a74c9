"""Fixtures of the tests of labeling."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from small_store import Store, make_store


@pytest.fixture
def store_of(tmp_path: Path) -> Iterator[Callable[..., Store]]:
    """Make small projects (see small_store.make_store) and close their files afterwards."""
    made: list[Store] = []

    def make(*arguments: Any, **settings: Any) -> Store:
        made.append(make_store(tmp_path, *arguments, **settings))
        return made[-1]

    yield make
    for store in made:
        store.engine.dispose()
