"""Every template compiles: a broken one would show at its first reader only."""

from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import get_template

ROOT = Path(settings.BASE_DIR) / "templates"
TEMPLATES = sorted(
    str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.suffix in (".html", ".txt")
)


@pytest.mark.parametrize("name", TEMPLATES)
def test_it_compiles(name):
    get_template(name)
