"""The one error of the codec."""


class LocalError(Exception):
    """We misused the codec: fed it after the end, or asked it to encode what HJ 212 cannot carry.

    Bytes from a peer never raise it, nor anything else: whatever arrives becomes a ``Frame`` or a
    ``Reject``. Any other exception that leaves this package is a bug in it.
    """
