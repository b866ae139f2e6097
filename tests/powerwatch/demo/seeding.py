"""Seeding a small city from a test: in one process, so within the test's transaction."""

from io import StringIO

from django.core.management import call_command


def seed() -> str:
    """Seed six enterprises and return what was printed."""
    out = StringIO()
    call_command("seed_demo", enterprises=6, processes=1, stdout=out)
    return out.getvalue()
