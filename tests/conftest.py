"""What every test shares."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with a word, what reads the ../shared folder where that folder is not there."""
    if SHARED.is_dir():
        return
    for item in items:
        if item.get_closest_marker("shared"):
            item.add_marker(pytest.mark.skip(reason="the folder ../shared is not there"))


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    return SHARED
