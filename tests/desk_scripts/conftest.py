"""Tells at the end of the tests how well the embedded model understood the words of the scripts."""

import pytest

RATES = pytest.StashKey[str]()


@pytest.fixture
def tell_rates(request):
    """tell_rates(table): shown after the tests."""
    return lambda table: request.config.stash.__setitem__(RATES, table)


def pytest_terminal_summary(terminalreporter, config):
    if RATES in config.stash:
        terminalreporter.section("real programs, driven by words (embedded model)")
        terminalreporter.write_line(config.stash[RATES])
