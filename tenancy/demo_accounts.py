"""The accounts of the demo city. Seeded only where settings.DEMO is on; never anywhere else."""

from typing import TypedDict

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class DemoAccount(TypedDict):
    username: str
    password: str
    label: str | Promise


DEMO_ACCOUNTS: list[DemoAccount] = [
    {"username": "city", "password": "fenhe-willow-4821", "label": _("City bureau administrator")},
    {"username": "enforcer", "password": "drum-tower-7350", "label": _("City enforcement team")},
    {"username": "airoffice", "password": "clear-sky-2946", "label": _("City air office")},
    {"username": "province", "password": "taihang-ridge-6183", "label": _("Province viewer")},
    {"username": "xiangfen", "password": "dingcun-stone-5074", "label": _("Xiangfen branch")},
    {"username": "hongtong", "password": "locust-tree-8291", "label": _("Hongtong branch")},
    {"username": "countyair", "password": "morning-mist-6427", "label": _("County air office")},
    {"username": "technical", "password": "ammeter-clamp-1592", "label": _("Technical reviewer")},
    {"username": "legal", "password": "bronze-seal-7038", "label": _("Legal reviewer")},
    {"username": "head", "password": "office-lamp-2864", "label": _("Approver")},
    {
        "username": "enterprise",
        "password": "iron-ladle-3617",
        "label": _("Enterprise environmental officer"),
    },
    {"username": "operator", "password": "copper-clamp-9405", "label": _("Operator-maintainer")},
    {
        "username": "yuncheng",
        "password": "salt-lake-1738",
        "label": _("Administrator of another city"),
    },
    {"username": "sysadmin", "password": "server-rack-5216", "label": _("System administrator")},
    {"username": "secadmin", "password": "gate-keeper-8473", "label": _("Security administrator")},
    {"username": "auditor", "password": "ledger-brush-3950", "label": _("Auditor")},
]
