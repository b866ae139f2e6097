"""How a stand-in's command waits for its end."""

import signal

STOPPING = (signal.SIGTERM, signal.SIGINT)


def hold_signals() -> None:
    """Keep SIGTERM and SIGINT for ``wait_until_stopped``; call before any thread is started.

    A handler would run inside whatever the main thread is doing. One that sets an Event on which
    the main thread is just beginning to wait never returns.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)


def wait_until_stopped() -> None:
    """Return when the process was asked to stop."""
    signal.sigwait(STOPPING)
