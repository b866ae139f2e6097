"""The metering tables: devices, what came in, and what the facilities were seen to do."""

from meters.models.devices import (
    Collector,
    CollectorDevice,
    CollectorStatus,
    Meter,
    MonitoringPoint,
    Profile,
)
from meters.models.intake import (
    ChangedWindow,
    IntakeIssue,
    IntakeReason,
    ListeningSpan,
    RawChunk,
    ReadingConflict,
)
from meters.models.limits import MeteringLimit
from meters.models.readings import LatestReading, Reading
from meters.models.states import OperatingState, StateSegment
from meters.models.work_orders import (
    WorkOrder,
    WorkOrderKind,
    WorkOrderLog,
    WorkOrderSerial,
    WorkOrderStatus,
)

__all__ = [
    "ChangedWindow",
    "Collector",
    "CollectorDevice",
    "CollectorStatus",
    "IntakeIssue",
    "IntakeReason",
    "LatestReading",
    "ListeningSpan",
    "Meter",
    "MeteringLimit",
    "MonitoringPoint",
    "OperatingState",
    "Profile",
    "RawChunk",
    "Reading",
    "ReadingConflict",
    "StateSegment",
    "WorkOrder",
    "WorkOrderKind",
    "WorkOrderLog",
    "WorkOrderSerial",
    "WorkOrderStatus",
]
