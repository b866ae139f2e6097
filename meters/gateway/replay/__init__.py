"""Recorded readings sent again, as the collectors of their plants would have sent them.

``recording`` reads the files, ``registration`` makes their plants known, ``sender`` is a collector
that sends again what was not acknowledged.
"""
