"""Every page forbids inline code, says what it may and is kept nowhere; none has any inline."""

import re
from html.parser import HTMLParser

import pytest
from django.urls import reverse

from common.middleware import HEADERS
from tenancy.models import Role
from tests import factories

pytestmark = pytest.mark.django_db

PAGES = {
    Role.CITY_ADMIN: [
        "city",
        "alerts",
        "enterprises",
        "intake",
        "messages",
        "account",
        "account_password",
        "account_second_factor",
        "account_sessions",
        "account_proof",
        "people",
        "person_new",
        "companies",
        "company_new",
    ],
    Role.SECURITY_ADMIN: ["people", "person_new", "companies", "account"],
    None: ["login"],
}


class Inline(HTMLParser):
    """Collects what a strict policy would block."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._script = False

    def handle_starttag(self, tag, attrs):
        names = dict(attrs)
        self._script = tag == "script" and "src" not in names
        if tag == "style":
            self.found.append("<style>")
        self.found += [f"{tag} {n}" for n in names if n == "style" or re.match(r"on\w", n)]
        for name in ("href", "src", "action"):
            if (names.get(name) or "").strip().lower().startswith("javascript:"):
                self.found.append(f"{tag} {name}")

    def handle_data(self, data):
        if self._script and data.strip():
            self.found.append("<script>")

    def handle_endtag(self, tag):
        self._script = False


@pytest.mark.parametrize(("role", "names"), PAGES.items(), ids=lambda value: str(value)[:20])
def test_headers_stand_and_nothing_is_inline(client, role, names):
    if role:
        grant = factories.GrantFactory(role=role)
        client.force_login(grant.user)
    for name in names:
        answer = client.get(reverse(name))
        assert answer.status_code == 200, name
        for header, value in HEADERS.items():
            assert answer[header] == value, name
        assert "unsafe" not in answer["Content-Security-Policy"]
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Referrer-Policy"] == "same-origin"
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer["X-Frame-Options"] == "DENY"
        assert "no-store" in answer["Cache-Control"], name
        page = Inline()
        page.feed(answer.content.decode())
        assert page.found == [], name


def test_errors_carry_them_too(client):
    grant = factories.GrantFactory()
    client.force_login(grant.user)
    for path in ("/enterprises/999999/", "/no-such-page/", "/people/"):
        answer = client.get(path)
        assert answer.status_code in (403, 404)
        assert answer["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]
