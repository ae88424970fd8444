"""The embedded model's scenes need fonts; without them these tests say which Debian packages to install."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def fonts():
    from guiground.nano.scenes.fonts import font_book

    try:
        return font_book()
    except FileNotFoundError as error:
        pytest.skip(str(error))
