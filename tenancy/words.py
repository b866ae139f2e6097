"""What a permission lets a person do, in words for the person."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tenancy.access import ROLE_PERMISSIONS, SEEING_ROLES, Permission

PERMISSION_WORDS: dict[Permission, Promise] = {
    Permission.HANDLE_ALERTS: _("take and decide alerts"),
    Permission.EXPLAIN_ALERTS: _("explain alerts of the own enterprise"),
    Permission.SEE_ALERTS: _("see alerts"),
    Permission.SEE_INTAKE: _("see what came in from devices and could not be used"),
    Permission.SEE_MESSAGES: _("see which messages were sent to whom"),
    Permission.EDIT_FILE: _("edit enterprise files"),
    Permission.EDIT_DEVICES: _("edit collectors, meters and points"),
    Permission.APPROVE_PAIRINGS: _("approve pairings and thresholds"),
    Permission.DECLARE: _("declare stops and repairs in advance"),
    Permission.ATTACH: _("attach documents and photos"),
    Permission.IMPORT: _("import enterprises and devices from tables"),
    Permission.EXPORT: _("export lists"),
    Permission.SEE_PROGRAMME: _("see the installation programme"),
    Permission.MANAGE_PROGRAMME: _("lead the installation programme"),
    Permission.SURVEY: _("write survey sheets"),
    Permission.INSTALL: _("report installation and connection"),
    Permission.ACCEPT_INSTALLATION: _("accept installations"),
    Permission.OPEN_WORK_ORDERS: _("open work orders"),
    Permission.DO_WORK_ORDERS: _("carry out work orders"),
    Permission.ADMINISTER: _("keep the city's data in the administration"),
    Permission.ADMINISTER_SYSTEM: _("run the system: profiles, parameters of the machine, health"),
    Permission.MANAGE_ENTERPRISE_PEOPLE: _("look after accounts of enterprises and operators"),
    Permission.MANAGE_GRANTS: _("look after accounts and grants"),
    Permission.SEE_AUDIT: _("read the audit log"),
    Permission.SEE_LOOKS: _("see who looked at the own enterprise"),
    Permission.USE_API: _("use the programming interface"),
}


def role_words(role: str) -> list[Promise]:
    """Return what a role lets its holder do, in the order of ``Permission``."""
    held = ROLE_PERMISSIONS[role]
    return [PERMISSION_WORDS[one] for one in Permission if one in held & PERMISSION_WORDS.keys()]


def sees_data(role: str) -> bool:
    """Tell whether the role opens any enterprise's data at all."""
    return role in SEEING_ROLES
