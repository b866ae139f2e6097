"""A believable city's worth of collectors, for the demo, for tests and for load.

``machines`` says what is simulated, ``loads`` what each machine draws when, ``incidents`` what
goes wrong, ``plants`` puts these together into readings, ``wire`` into HJ 212 frames, and
``collectors`` sends them over TCP. All but the last are pure: the same machine at the same second
gives the same value, so that seeded history and live data continue without a seam.

Times are whole seconds since the epoch (UTC); power is kW.
"""
