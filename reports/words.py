"""Words for stored codes that no model's choices name."""

from django.utils.translation import gettext_lazy

#: Why an alert was dismissed; the codes are the catalogue's.
REASONS = {
    "false_reading": gettext_lazy("False reading"),
    "declared_stop": gettext_lazy("Stop was declared"),
    "maintenance": gettext_lazy("Maintenance"),
    "equipment_fault_reported": gettext_lazy("Fault of the equipment, reported"),
    "power_cut": gettext_lazy("Power cut"),
    "pairing_wrong": gettext_lazy("Pairing is wrong"),
    "threshold_wrong": gettext_lazy("Threshold is wrong"),
    "keep_warm": gettext_lazy("Keeping warm"),
    "test": gettext_lazy("Test run"),
    "other": gettext_lazy("Other"),
}


def say_reason(code: str) -> str:
    """Return the reason in words; an unknown code as it stands."""
    return str(REASONS.get(code, code))
