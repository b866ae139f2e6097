"""Running schemathesis in this process, over the application itself, with a token."""

import warnings
from dataclasses import dataclass, field

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
    server_errors: int = 0
    by_status: dict[int, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def fuzz(token: str, *, cases: int, seed: int = 1) -> Found:
    """Send generated requests, right and wrong ones, to every operation of the schema."""
    # Where the caller holds a transaction open, the end of a request must not close it.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        return _fuzz(token, cases, seed)
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)


def _fuzz(token: str, cases: int, seed: int) -> Found:
    found = Found()
    headers = {"Authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_wsgi("/api/schema", get_wsgi_application())
    schema.config.generation.update(with_security_parameters=False)  # the token is ours
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            _run(operation, mode, headers, cases, seed, found)
    return found


def _run(operation, mode, headers, cases, seed, found) -> None:
    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def one(case) -> None:
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
