"""Acceptance of an installation: checks by machine, then an officer's signature."""

from meters.acceptance.checks import Check, Code, Fault, from_json, is_passed
from meters.acceptance.loading import Declared, run_checks
from meters.acceptance.operations import (
    AcceptanceRefused,
    accept_installation,
    reject_installation,
)

__all__ = [
    "AcceptanceRefused",
    "Check",
    "Code",
    "Declared",
    "Fault",
    "accept_installation",
    "from_json",
    "is_passed",
    "reject_installation",
    "run_checks",
]
