"""What one peer, and all of them together, may take."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of a gateway (assumption, configurable). Times in seconds, sizes in bytes.

    commit_s: how long a frame waits for others before they are committed together.
    quiet_s: a pause of this length among all peers ends that wait early.
    enough_frames: as many end it at once.
    full_frames: as many, while a commit is under way, stop reading from all sockets.
    idle_s: a connection without a sound frame for so long is closed.
    partial_frame_s: silence inside a frame after which it is given up.
    junk: refused bytes since the last frame that was let in, after which a peer is put off.
    unread_replies: replies that a peer may leave unread before it is not listened to any more,
    unread_s: and for how long before it is put off.
    kept_for: older readings stay in the raw archive only.
    stop_s: how long a stop waits for the last commit.
    """

    commit_s: float = 0.1
    quiet_s: float = 0.005
    enough_frames: int = 64
    full_frames: int = 2000
    idle_s: float = 600.0
    partial_frame_s: float = 15.0
    junk: int = 64 * 1024
    unread_replies: int = 64 * 1024
    unread_s: float = 60.0
    max_connections: int = 15_000
    kept_for: timedelta = timedelta(days=3653)
    refresh_s: float = 5.0
    stop_s: float = 10.0
    metrics_s: float = 60.0
