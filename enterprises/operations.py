"""Writing the enterprise file 一企一档: who the enterprise is, its sites, lines, machines, grades.

Every function checks what it is given, raises ``ValidationError`` with a message for each field,
and writes in one transaction or not at all. Whether the actor may is the caller's question
(``tenancy.access.require``). ``seen`` is the ``fingerprint`` of the row that the actor looked at:
where the row has changed since, the second writer is told instead of winning silently.

What changes how readings are judged stands in ``meters.operations``: thresholds, pairings, and
changes of a facility.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from enterprises.dated import (
    check_unchanged,
    check_valid_from,
    constraint,
    constraints,
    fingerprint,
    overlap,
    record_withdrawal,
    text_of,
)
from enterprises.models import (
    Contact,
    Enterprise,
    Facility,
    FacilityKind,
    Installation,
    InstallationStatus,
    LineGrade,
    ProductionLine,
    Site,
)
from tenancy.models import DivisionKind, SiteAssignment, User

M = TypeVar("M", bound=models.Model)

ENTERPRISE_FIELDS = (
    "name",
    "code",
    "credit_code",
    "permit_number",
    "management_class",
    "county",
    "industry",
    "industry_code",
    "address",
    "legal_representative",
    "is_key",
    "performance_grade",
)
#: What only one enterprise in the whole system has -> the constraint that knows them all. The
#: permit number is not among them: nothing holds it unique.
ONE_ENTERPRISES = {
    "code": "enterprises_enterprise_code_key",
    "credit_code": "enterprises_credit_code_once",
}
CONTACT_FIELDS = ("kind", "name", "phone", "email")
SITE_FIELDS = ("name", "address", "longitude", "latitude")
LINE_FIELDS = ("name", "position")
FACILITY_FIELDS = (
    "line",
    "code",
    "name",
    "kind",
    "process_step",
    "load_class",
    "rated_kw",
    "drive",
    "nominal_voltage_v",
    "keep_warm_kw",
    "duty_group",
    "is_safety_critical",
    "position",
)


def mark(row: models.Model, fields: tuple[str, ...]) -> str:
    """Return the fingerprint that a form carries; foreign keys count by their key."""
    concrete = {field.name: field.attname for field in row._meta.concrete_fields}
    return fingerprint(row, [concrete[name] for name in fields])


def fill(row: models.Model, fields: tuple[str, ...], values: dict[str, Any]) -> None:
    """Set the values on the row and check it whole; ``TypeError`` for a value it does not take."""
    if strange := values.keys() - set(fields):
        raise TypeError(f"not to be set: {', '.join(sorted(strange))}")
    for name, value in text_of(values).items():
        setattr(row, name, value)
    row.full_clean()


def lock(row: M) -> M:
    """Return the row as it stands now, locked until the transaction ends."""
    manager = type(row)._default_manager
    return manager.select_for_update(of=("self",)).get(pk=row.pk)


# --- the enterprise and whom to reach there ---


@transaction.atomic
def create_enterprise(*, actor: User | None, now: datetime, **values: Any) -> Enterprise:
    """Return a new enterprise that must install; ``values`` are ``ENTERPRISE_FIELDS``."""
    enterprise = Enterprise(installation_status=InstallationStatus.REQUIRED)
    _fill_enterprise(enterprise, values)
    _save_enterprise(enterprise)
    return enterprise


@transaction.atomic
def update_enterprise(
    enterprise: Enterprise,
    *,
    actor: User | None,
    now: datetime,
    seen: str | None = None,
    **values: Any,
) -> Enterprise:
    """Return the enterprise with the values changed."""
    row = lock(enterprise)
    check_unchanged(seen, mark(row, ENTERPRISE_FIELDS))
    _fill_enterprise(row, values)
    _save_enterprise(row)
    return row


def _fill_enterprise(enterprise: Enterprise, values: dict[str, Any]) -> None:
    values = dict(values)
    for name in ("credit_code", "industry_code"):
        if isinstance(values.get(name), str):
            values[name] = values[name].strip().upper()
    for name in ONE_ENTERPRISES:
        value = str(values.get(name, "")).strip()
        others = Enterprise.objects.exclude(pk=enterprise.pk)
        if value and others.filter(**{name: value}).exists():
            raise _registered(name)
    fill(enterprise, ENTERPRISE_FIELDS, values)
    if enterprise.county.kind in (DivisionKind.PROVINCE, DivisionKind.CITY):
        raise ValidationError({"county": _("Choose the county, not the city or the province.")})


def _save_enterprise(enterprise: Enterprise) -> None:
    """Save; what an enterprise has that the actor cannot see, only the database knows."""
    refusals = {name: _registered(field) for field, name in ONE_ENTERPRISES.items()}
    with constraints(refusals):
        enterprise.save()


def _registered(field: str) -> ValidationError:
    """Return the refusal of a number that another enterprise has, seen or not: the same words."""
    words = {
        "code": _(
            "This internal number is in use already. Look for a typing error, or choose another."
        ),
        "credit_code": _(
            "An enterprise with this credit code is on file already. Look for a typing error; if "
            "it is right, ask the bureau's administrator."
        ),
    }
    return ValidationError({field: ValidationError(words[field], code="registered")})


@transaction.atomic
def add_contact(
    enterprise: Enterprise, *, actor: User | None, now: datetime, **values: Any
) -> Contact:
    """Return a new contact; a name and a way to reach it are needed."""
    contact = Contact(enterprise=enterprise)
    _fill_contact(contact, values)
    contact.save()
    return contact


@transaction.atomic
def update_contact(
    contact: Contact, *, actor: User | None, now: datetime, seen: str | None = None, **values: Any
) -> Contact:
    row = lock(contact)
    check_unchanged(seen, mark(row, CONTACT_FIELDS))
    _fill_contact(row, values)
    row.save()
    return row


def _fill_contact(contact: Contact, values: dict[str, Any]) -> None:
    fill(contact, CONTACT_FIELDS, values)
    if not (contact.phone or contact.email):
        raise ValidationError({"phone": _("Give a telephone number or an email address.")})


@transaction.atomic
def remove_contact(contact: Contact, *, actor: User | None, now: datetime) -> None:
    """Take the contact off the file; the audit log keeps who it was."""
    contact.delete()


# --- sites, lines, grades ---


@transaction.atomic
def add_site(enterprise: Enterprise, *, actor: User | None, now: datetime, **values: Any) -> Site:
    """Add a site; the company whose task the enterprise's installation is looks after it too."""
    site = Site(enterprise=enterprise)
    _fill_site(site, values)
    site.save()
    join_company([site], now=now)
    return site


def join_company(sites: Iterable[Site], *, now: datetime) -> None:
    """Assign new sites to the company that installs at their enterprises; two queries.

    ``batches.assign_company`` gives a company the sites there are; this gives it the later ones.
    """
    sites = list(sites)
    companies = dict(
        Installation.objects.filter(
            enterprise__in={site.enterprise_id for site in sites}, company__isnull=False
        ).values_list("enterprise", "company")
    )
    SiteAssignment.objects.bulk_create(
        SiteAssignment(company_id=companies[site.enterprise_id], site=site, starts_at=now)
        for site in sites
        if site.enterprise_id in companies
    )


@transaction.atomic
def update_site(
    site: Site, *, actor: User | None, now: datetime, seen: str | None = None, **values: Any
) -> Site:
    row = lock(site)
    check_unchanged(seen, mark(row, SITE_FIELDS))
    _fill_site(row, values)
    row.save()
    return row


def _fill_site(site: Site, values: dict[str, Any]) -> None:
    fill(site, SITE_FIELDS, values)
    if (site.longitude is None) != (site.latitude is None):
        missing = "longitude" if site.longitude is None else "latitude"
        raise ValidationError({missing: _("Give both longitude and latitude, or neither.")})
    # China's mainland with some room: degrees in the wrong order are the usual slip.
    if site.longitude is not None and not 73 <= site.longitude <= 136:
        raise ValidationError({"longitude": _("Longitude in China is between 73 and 136 degrees.")})
    if site.latitude is not None and not 17 <= site.latitude <= 54:
        raise ValidationError({"latitude": _("Latitude in China is between 17 and 54 degrees.")})


@transaction.atomic
def add_line(site: Site, *, actor: User | None, now: datetime, **values: Any) -> ProductionLine:
    line = ProductionLine(site=site)
    _fill_line(line, values)
    line.save()
    return line


@transaction.atomic
def update_line(
    line: ProductionLine,
    *,
    actor: User | None,
    now: datetime,
    seen: str | None = None,
    **values: Any,
) -> ProductionLine:
    row = lock(line)
    check_unchanged(seen, mark(row, LINE_FIELDS))
    _fill_line(row, values)
    row.save()
    return row


def _fill_line(line: ProductionLine, values: dict[str, Any]) -> None:
    fill(line, LINE_FIELDS, values)
    same = ProductionLine.objects.filter(site=line.site_id, name=line.name)
    if same.exclude(pk=line.pk).exists():
        raise ValidationError({"name": _("This site has a line of that name already.")})


@transaction.atomic
def set_grade(
    line: ProductionLine,
    *,
    grade: str,
    valid_from: datetime,
    basis: str = "",
    actor: User | None,
    now: datetime,
) -> LineGrade:
    """Return the line's new performance grade 绩效分级 from a date; earlier ones stay on record.

    ``basis`` is the notice or guide it rests on; a date in the past needs it.
    """
    line = lock(line)
    is_first = not line.grades.exists()
    try:
        check_valid_from(valid_from, reason=basis, now=now, is_first=is_first)
    except ValidationError as error:
        raise _renamed(error, reason="basis") from error
    if other := line.grades.filter(valid_from=valid_from).first():
        raise _same_moment(other.valid_from)
    row = LineGrade(line=line, valid_from=valid_from, recorded_by=actor)
    row.grade, row.basis = grade.strip().upper(), basis.strip()
    row.full_clean(validate_constraints=False)
    with constraint("enterprises_linegrade_dated_once", _same_moment(valid_from)):
        row.save()
    return row


@transaction.atomic
def withdraw_grade(grade: LineGrade, *, reason: str, actor: User | None, now: datetime) -> None:
    """Take a planned grade off; the one in force goes on. One that has begun stays."""
    line = lock(grade.line)
    row = line.grades.filter(pk=grade.pk).first()
    if row is None:
        raise ValidationError(_("This record was withdrawn already."), code="changed")
    record_withdrawal(row, enterprise=line.site.enterprise, reason=reason, actor=actor, now=now)
    row.delete()


def _same_moment(valid_from: datetime) -> ValidationError:
    return overlap(valid_from, None)


def _renamed(error: ValidationError, **names: str) -> ValidationError:
    return ValidationError({names.get(k, k): v for k, v in error.message_dict.items()})


# --- facilities ---


@transaction.atomic
def create_facility(site: Site, *, actor: User | None, now: datetime, **values: Any) -> Facility:
    """Return a new machine on the site; ``values`` are ``FACILITY_FIELDS``."""
    facility = Facility(site=site)
    fill_facility(facility, values)
    facility.save()
    return facility


def fill_facility(facility: Facility, values: dict[str, Any]) -> None:
    """Set and check the values; ``meters.operations.update_facility`` adds what judging needs."""
    fill(facility, FACILITY_FIELDS, values)
    if facility.line is not None and facility.line.site_id != facility.site_id:
        raise ValidationError({"line": _("This line is on another site.")})
    # A whole-plant meter may stand on a transformer whose rating nobody wrote down.
    if facility.rated_kw <= 0 and facility.kind != FacilityKind.MAIN:
        raise ValidationError({"rated_kw": _("The rated power is more than zero.")})
    if facility.keep_warm_kw is not None and not 0 <= facility.keep_warm_kw <= facility.rated_kw:
        raise ValidationError(
            {"keep_warm_kw": _("The keep-warm power is between zero and the rated power.")}
        )
