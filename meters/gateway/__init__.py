"""The HJ 212 server: bytes in, readings stored, then and only then the acknowledgement.

``connection`` speaks with one peer, ``admission`` knows who may send, ``intake`` gathers what all
connections bring into batches and commits them, ``server`` listens, limits and stops.
"""

from meters.gateway.server import Gateway, Limits, serve

__all__ = ["Gateway", "Limits", "serve"]
