"""Writing what stands on site and how it is judged: devices, ratios, thresholds, pairings.

Any change is a new dated record (``enterprises.dated``, ADR 0015). Every function checks what it is
given, raises ``ValidationError`` with a message for each field, locks the record's parent so that
two writers come one after the other, and writes in one transaction or not at all. Whether the actor
may is the caller's question (``tenancy.access.require``).

What reaches back into the past is judged again: a ``ChangedWindow`` has the worker bring segments
and alerts in line with the record, under the enterprise's lock, as it does for late readings.
"""

from meters.operations.devices import (
    COLLECTOR_FIELDS,
    DEVICE_FIELDS,
    METER_FIELDS,
    add_collector,
    add_point,
    replace_device,
    replace_meter,
    retire_point,
    set_collector_enabled,
    update_collector,
)
from meters.operations.facilities import retire_facility, update_facility
from meters.operations.pairings import approve_pairing, end_pairing, set_pairing
from meters.operations.thresholds import approve_threshold, set_threshold
from meters.operations.withdrawals import (
    withdraw_device,
    withdraw_meter,
    withdraw_pairing,
    withdraw_threshold,
)

__all__ = [
    "COLLECTOR_FIELDS",
    "DEVICE_FIELDS",
    "METER_FIELDS",
    "add_collector",
    "add_point",
    "approve_pairing",
    "approve_threshold",
    "end_pairing",
    "replace_device",
    "replace_meter",
    "retire_facility",
    "retire_point",
    "set_collector_enabled",
    "set_pairing",
    "set_threshold",
    "update_collector",
    "update_facility",
    "withdraw_device",
    "withdraw_meter",
    "withdraw_pairing",
    "withdraw_threshold",
]
