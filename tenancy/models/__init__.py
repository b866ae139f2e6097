"""Divisions, people, what they were granted, and what they did."""

from tenancy.models.audit import AuditEntry
from tenancy.models.people import (
    Division,
    DivisionKind,
    Grant,
    OperatorCompany,
    Role,
    SiteAssignment,
    User,
)
from tenancy.models.saved import SavedFilter
from tenancy.models.sessions import PasswordRecord, UserSession
from tenancy.models.tokens import ApiToken, IdempotentAnswer

__all__ = [
    "ApiToken",
    "AuditEntry",
    "Division",
    "DivisionKind",
    "Grant",
    "IdempotentAnswer",
    "OperatorCompany",
    "PasswordRecord",
    "Role",
    "SavedFilter",
    "SiteAssignment",
    "User",
    "UserSession",
]
