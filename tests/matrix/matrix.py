"""Asking every route as everybody, and comparing with what is expected."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from django.db import transaction
from django.test import Client
from django.urls import NoReverseMatch, reverse

from tenancy.models import Role, User
from tests.matrix.expectations import Route, sees
from tests.matrix.routes import Found
from tests.matrix.world import CANARIES, Place, World

ANONYMOUS, DISABLED = "anonymous", "disabled"
SIGN_IN = (302, 401)
REFUSED = (401, 403, 404, 405)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question and its answer."""

    route: str
    address: str
    verb: str
    who: str
    place: Place | None
    status: int
    location: str
    body: str

    def __str__(self) -> str:
        where = f" of {self.place}" if self.place else ""
        return f"{self.verb} {self.route}{where} as {self.who}: {self.status} {self.location}"


class Clients:
    """A signed-in client for every role, and two who are not."""

    def __init__(self, world: World) -> None:
        self.world = world
        disabled = world.disabled
        self._clients = {who: Client(raise_request_exception=False) for who in everybody()}
        for role, user in world.people.items():
            self._clients[role].force_login(user)
            self._prove(self._clients[role])
        # The cookie of a person who was signed in when the account was closed.
        disabled.is_active = True
        disabled.save()
        self._clients[DISABLED].force_login(disabled)
        disabled.is_active = False
        disabled.save()

        self._kept = {
            who: {name: morsel.value for name, morsel in client.cookies.items()}
            for who, client in self._clients.items()
        }

    def _prove(self, client: Client) -> None:
        """Let the person have given the password a moment ago, for what asks it again."""
        client.get("/account/")

    def __getitem__(self, who: str) -> Client:
        """Return the person's client as it was at first, whatever was asked with it since."""
        client = self._clients[who]
        client.cookies = SimpleCookie(self._kept[who])
        return client


def everybody() -> list[str]:
    return [*Role.values, ANONYMOUS, DISABLED]


def ask(
    clients: Clients,
    found: Found,
    route: Route,
    verb: str,
    who: str,
    place: Place | None,
    arguments: Mapping[str, Any],
) -> Asked:
    """Ask one question; whatever it wrote is taken back."""
    url = address(found, arguments)
    if route.query is not None and place is not None:
        url += "?" + route.query(clients.world.plants[place])
    return ask_url(clients, verb, url, who, name=found.name, place=place, data=route.data)


def ask_url(
    clients: Clients,
    verb: str,
    url: str,
    who: str,
    *,
    name: str,
    place: Place | None = None,
    data: Mapping[str, Any] = MappingProxyType({}),
) -> Asked:
    """Ask one address; whatever it wrote is taken back."""
    with transaction.atomic():
        answer = clients[who].generic(
            verb, url, **_content(verb, data, url), REMOTE_ADDR="127.0.0.1", HTTP_HOST="127.0.0.1"
        )
        body = readable(answer)
        transaction.set_rollback(True)
    location = answer.headers.get("Location", "")
    return Asked(name, url, verb, who, place, answer.status_code, location, body)


def _content(verb: str, data: Mapping[str, Any], url: str) -> dict[str, Any]:
    if verb != "POST":
        return {}
    if url.startswith("/api/"):
        return {"data": json.dumps(dict(data)), "content_type": "application/json"}
    return {
        "data": urlencode(data),
        "content_type": "application/x-www-form-urlencoded",
    }


def address(found: Found, arguments: Mapping[str, Any]) -> str:
    try:
        return reverse(found.name, kwargs=dict(arguments))
    except NoReverseMatch:
        # A route without a name of its own: fill its pattern.
        path = found.pattern
        for name, value in arguments.items():
            for converter in ("str:", "int:", "uuid:", "slug:", ""):
                path = path.replace(f"<{converter}{name}>", str(value))
        return f"/{path}"


def readable(answer: Any) -> str:
    """Return all that the answer says, a sheet's cells and a file's text included."""
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            content = b"".join(book.read(name) for name in book.namelist())
    return content.decode("utf-8", "replace")


def expected(route: Route, verb: str, who: str, place: Place | None) -> str:
    """Return what must come: ``sign-in``, ``404``, ``403`` or ``answered``."""
    if who in (ANONYMOUS, DISABLED) and not route.public:
        return "sign-in"
    if route.absent:
        return "404"
    if route.public:
        return "answered"
    role = Role(who)
    may = route.verbs[verb](role)
    if route.gate is not None and not route.gate(role):
        return "403"
    if route.finder is not None and not route.finder(role):
        return "404"
    if place is not None and not sees(route, role, place):
        return "404"
    return "answered" if may else "403"


def fits(asked: Asked, wanted: str) -> bool:
    if wanted == "sign-in":
        return asked.status == 401 or (
            asked.status == 302 and asked.location.startswith("/accounts/login/")
        )
    if wanted == "answered":
        return asked.status not in REFUSED and asked.status < 500
    return asked.status == int(wanted)


def leaks(asked: Asked, world: World, route: Route) -> list[str]:
    """Return the foreign plants' canaries that the answer holds."""
    role = None if asked.who in (ANONYMOUS, DISABLED) else Role(asked.who)
    shown = route.sees[role] if route.sees is not None and role else ()
    body = asked.body.replace(asked.address, "")  # who knows the address learns nothing from it
    foreign = set(world.foreign_canaries(role)) - {CANARIES[place] for place in shown}
    return sorted(word for word in foreign if word in body)


def questions(
    world: World, found: Found, route: Route, *, verbs: tuple[str, ...] = ()
) -> Iterator[tuple[str, str, Place | None, Mapping[str, Any]]]:
    """Yield (verb, who, place, arguments) for one route."""
    for verb in verbs or tuple(route.verbs):
        for who in everybody():
            if route.at:
                for place, plant in world.plants.items():
                    # Who is not signed in is sent away, whatever is asked for.
                    if place == Place.OWN or who not in (ANONYMOUS, DISABLED):
                        yield verb, who, place, route.at(plant)
            else:
                yield verb, who, None, route.fixed(world) if route.fixed else {}


def people_of(world: World) -> list[User]:
    return list(world.people.values())
