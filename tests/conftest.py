"""What holds for every test."""

import os

import pytest
from hypothesis import settings

# The machines that run this are noisy: an example that takes long says nothing.
settings.register_profile("pipeline", deadline=None)
settings.load_profile("pipeline")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests with real servers a second try if ``SECOND_TRY`` is set; the first failure is told all the same."""
    if os.environ.get("SECOND_TRY"):
        for item in items:
            if item.get_closest_marker("stack"):
                item.add_marker(pytest.mark.flaky(reruns=1))
