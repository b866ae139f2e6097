"""From sound frames to stored readings; every channel that brings readings in ends here.

``directory`` knows the collectors, ``interpret`` is pure and says what a frame means to us,
``store`` writes a batch in one transaction, ``committer`` keeps trying until it is written.
"""

from meters.ingest.committer import Committer, Stopped
from meters.ingest.directory import Directory, KnownCollector, load_directory
from meters.ingest.entries import Entry, Issue, NewReading
from meters.ingest.interpret import admit, interpret
from meters.ingest.reparse import reparse
from meters.ingest.store import Batch, Store, StoreResult

__all__ = [
    "Batch",
    "Committer",
    "Directory",
    "Entry",
    "Issue",
    "KnownCollector",
    "NewReading",
    "Stopped",
    "Store",
    "StoreResult",
    "admit",
    "interpret",
    "load_directory",
    "reparse",
]
