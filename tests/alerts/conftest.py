"""Chinese for tests, compiled from the parts, whether or not the catalogue was compiled."""

from pathlib import Path

import polib
import pytest
from django.utils import translation
from django.utils.translation import trans_real

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def compiled_parts(tmp_path_factory) -> Path:
    """Return a locale folder with the translations of ``locale/parts`` and of the catalogue."""
    folder = tmp_path_factory.mktemp("locale")
    whole = polib.POFile()
    whole.metadata = {
        "Content-Type": "text/plain; charset=UTF-8",
        "Plural-Forms": "nplurals=1; plural=0;",
    }
    seen = set()
    for path in [
        *ROOT.glob("locale/zh_Hans/LC_MESSAGES/django.po"),
        *sorted(ROOT.glob("locale/parts/*.po")),
    ]:
        for entry in polib.pofile(str(path)):
            if (entry.msgid, entry.msgctxt) not in seen and entry.translated():
                seen.add((entry.msgid, entry.msgctxt))
                whole.append(entry)
    target = folder / "zh_Hans" / "LC_MESSAGES" / "django.mo"
    target.parent.mkdir(parents=True)
    whole.save_as_mofile(str(target))
    return folder


@pytest.fixture
def chinese(settings, compiled_parts):
    """Speak Chinese for the length of the test."""
    settings.LOCALE_PATHS = [compiled_parts]
    trans_real._translations = {}
    trans_real._default = None
    with translation.override("zh-hans"):
        yield
    trans_real._translations = {}
    trans_real._default = None
