"""Enterprises, what stands on their sites, and the installation programme."""

from enterprises.models.attachments import Attachment
from enterprises.models.enterprise import (
    INSTALLED_STATUSES,
    NOT_COUNTED_STATUSES,
    Contact,
    ContactKind,
    Enterprise,
    EnterpriseQuerySet,
    Industry,
    InstallationStatus,
    ManagementClass,
)
from enterprises.models.facilities import (
    Drive,
    Facility,
    FacilityKind,
    LineGrade,
    LoadClass,
    Pairing,
    PairingMode,
    ProductionLine,
    Site,
    Threshold,
    ThresholdSource,
)
from enterprises.models.imports import ImportJob, ImportStatus
from enterprises.models.programme import (
    AcceptanceSheet,
    Installation,
    InstallationBatch,
    InstallationLog,
    SurveySheet,
)

__all__ = [
    "INSTALLED_STATUSES",
    "NOT_COUNTED_STATUSES",
    "AcceptanceSheet",
    "Attachment",
    "Contact",
    "ContactKind",
    "Drive",
    "Enterprise",
    "EnterpriseQuerySet",
    "Facility",
    "FacilityKind",
    "ImportJob",
    "ImportStatus",
    "Industry",
    "Installation",
    "InstallationBatch",
    "InstallationLog",
    "InstallationStatus",
    "LineGrade",
    "LoadClass",
    "ManagementClass",
    "Pairing",
    "PairingMode",
    "ProductionLine",
    "Site",
    "SurveySheet",
    "Threshold",
    "ThresholdSource",
]
