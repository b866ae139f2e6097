"""A token opens no more than its scopes, its owner and its time allow."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from tenancy.models import ApiToken
from tenancy.tokens import SCOPES, TokenRefused, find_token, issue_token, revoke_token


def make(user, *, scopes=("read:enterprises",), days=30, name="同步程序"):
    now = timezone.now()
    return issue_token(
        user, name=name, scopes=scopes, expires_at=now + timedelta(days=days), now=now
    )


def bearer(secret) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


def test_only_a_digest_of_the_secret_is_kept(world):
    token, secret = make(world.people["city_admin"])
    assert secret.startswith(f"pw_{token.prefix}_")
    assert len(secret.rsplit("_", 1)[0]) >= 13
    row = ApiToken.objects.values().get(pk=token.pk)
    assert secret[14:] not in str(row)
    assert find_token(secret, now=timezone.now()) == token


@pytest.mark.parametrize("change", ["secret", "prefix", "form", "empty"])
def test_a_wrong_text_finds_no_token(world, change):
    _token, secret = make(world.people["city_admin"])
    wrong = {
        "secret": secret[:-1] + ("A" if secret[-1] != "A" else "B"),
        "prefix": "pw_aaaaaaaaaa" + secret[13:],
        "form": secret.upper(),
        "empty": "",
    }[change]
    answer = bearer(wrong).get("/api/v1/me")
    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:powerwatch:problem:not-authenticated"


def test_a_token_ends_by_revocation_time_and_its_owners_account(world):
    user = world.people["city_admin"]
    token, secret = make(user)
    assert bearer(secret).get("/api/v1/me").status_code == 200
    assert find_token(secret, now=timezone.now() + timedelta(days=31)) is None
    user.is_active = False
    user.save()
    assert bearer(secret).get("/api/v1/me").status_code == 401
    user.is_active = True
    user.save()
    revoke_token(token, now=timezone.now())
    assert bearer(secret).get("/api/v1/me").status_code == 401


def test_a_token_does_only_what_it_was_made_for(world):
    _token, secret = make(world.people["city_admin"], scopes=["read:alerts"])
    client = bearer(secret)
    assert client.get("/api/v1/alerts").status_code == 200
    refused = client.get("/api/v1/enterprises")
    assert refused.status_code == 403
    assert refused.json()["type"] == "urn:powerwatch:problem:insufficient-scope"
    assert 'scope="read:enterprises"' in refused["WWW-Authenticate"]
    alert = world.own.objects["alerts"].pk
    assert client.post(f"/api/v1/alerts/{alert}/acknowledge").status_code == 403


def test_every_scope_is_asked_for_somewhere(world):
    from powerwatch.api import router

    asked = set()
    for _prefix, viewset, _name in router.registry:
        asked |= {viewset.scope, *viewset.scopes.values()}
    assert asked == set(SCOPES)


@pytest.mark.parametrize(
    "wrong", [{"days": 366}, {"days": 0}, {"scopes": []}, {"scopes": ["all"]}, {"name": " "}]
)
def test_a_token_without_bounds_is_refused(world, wrong):
    with pytest.raises(TokenRefused):
        make(world.people["city_admin"], **wrong)
    assert not ApiToken.objects.exists()


def test_who_may_not_use_the_api_gets_no_token(world):
    with pytest.raises(TokenRefused):
        make(world.people["auditor"])


def test_the_use_is_noted_once_a_minute(world):
    token, secret = make(world.people["city_admin"])
    now = timezone.now()
    noted = []
    for seconds in (0, 30, 61):
        find_token(secret, now=now + timedelta(seconds=seconds))
        noted.append(ApiToken.objects.get(pk=token.pk).latest_used_at)
    assert noted == [now, now, now + timedelta(seconds=61)]


def test_the_page_shows_a_token_once_and_revokes_it(world, client):
    client.force_login(world.people["county_branch"])
    page = reverse("api_tokens")
    assert client.get(page).status_code == 200
    made = client.post(page, {"name": "县平台", "days": "90", "scopes": ["read:alerts"]})
    secret = made.context["secret"]
    assert secret in made.content.decode()
    assert "no-store" in made["Cache-Control"]
    assert bearer(secret).get("/api/v1/alerts").status_code == 200
    again = client.get(page).content.decode()
    assert secret not in again
    token = ApiToken.objects.get(user=world.people["county_branch"])
    assert client.post(reverse("api_token_revoke", args=[token.pk])).status_code == 302
    assert bearer(secret).get("/api/v1/alerts").status_code == 401


def test_nobody_revokes_anothers_token_and_the_page_needs_the_right(world, client):
    token, _secret = make(world.people["city_admin"])
    client.force_login(world.people["county_branch"])
    assert client.post(reverse("api_token_revoke", args=[token.pk])).status_code == 404
    client.force_login(world.people["auditor"])
    assert client.get(reverse("api_tokens")).status_code == 403


def test_a_wrong_form_makes_nothing(world, client):
    client.force_login(world.people["county_branch"])
    answer = client.post(reverse("api_tokens"), {"name": "x", "days": "9999"})
    assert answer.status_code == 422
    assert not ApiToken.objects.exists()
