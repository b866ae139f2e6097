"""Running schemathesis in this process, over the application itself, with a token."""

import warnings
from dataclasses import dataclass, field
from functools import cache

import hypothesis
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]


@dataclass
class Found:
    """What a run came to; ``failures`` are whole sentences."""

    cases: int = 0
    aimed: int = 0
    server_errors: int = 0
    by_status: dict[int, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def fuzz(
    token: str,
    *,
    cases: int,
    seed: int = 1,
    known: dict[str, int] | None = None,
    every: slice = slice(None),
) -> Found:
    """Send generated requests, right and wrong ones, to every operation of the schema.

    ``known``: ids of objects by resource; two of three right requests are sent to these.
    ``every``: which of the operations.
    """
    # Where the caller holds a transaction open, the end of a request must not close it.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        return _fuzz(token, cases, seed, known or {}, every)
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


@cache
def get_strategies() -> list[tuple]:
    """Return operation, mode and strategy of each; the schema is the same for everybody."""
    schema = schemathesis.openapi.from_wsgi("/api/schema", get_wsgi_application())
    schema.config.generation.update(with_security_parameters=False)  # the token is ours
    operations = [result.ok() for result in schema.get_all_operations()]
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    return [
        (one, mode, one.as_strategy(generation_mode=mode)) for one in operations for mode in modes
    ]


def _fuzz(token: str, cases: int, seed: int, known: dict[str, int], every: slice) -> Found:
    found = Found()
    headers = {"Authorization": f"Bearer {token}"}
    for _operation, mode, strategy in get_strategies()[every]:
        ids = known if mode is GenerationMode.POSITIVE else {}
        _run(strategy, mode, headers, cases, seed, ids, found)
    return found


_NAMES = {
    "enterprise": "enterprises",
    "site": "sites",
    "line": "lines",
    "facility": "facilities",
    "point": "points",
    "replaces": "pairings",
    "facilities": "facilities",
    "productions": "facilities",
    "controls": "controls",
}


def _aim(case, ids: dict[str, int]) -> None:
    """Have the request name objects that there are."""
    resource = case.path.split("/")[3]
    for name in case.path_parameters or {}:
        if resource in ids:
            case.path_parameters[name] = ids[resource]
    if isinstance(case.body, dict):
        for name, kind in _NAMES.items():
            if name in case.body and kind in ids:
                is_list = isinstance(case.body[name], list)
                case.body[name] = [ids[kind]] if is_list else ids[kind]


def _run(strategy, mode, headers, cases, seed, ids, found) -> None:
    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=strategy)
    def one(case) -> None:
        if ids:
            found.aimed += 1
            if found.aimed % 3:
                _aim(case, ids)
        response = case.call(headers=headers)
        found.cases += 1
        found.by_status[response.status_code] = found.by_status.get(response.status_code, 0) + 1
        if response.status_code >= 500:
            found.server_errors += 1
        try:
            case.validate_response(response, checks=CHECKS, headers=headers)
        except (FailureGroup, Failure) as error:
            words = f"{mode.value} {case.method} {case.formatted_path} {case.query}: {error}"
            inner = getattr(error, "exceptions", [])
            found.failures.append(words + "".join(f"\n - {one}" for one in inner))

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            one()
    except hypothesis.errors.Unsatisfiable:
        pass  # an operation without anything that could be wrong
