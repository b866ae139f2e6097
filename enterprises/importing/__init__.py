"""Sheets into the enterprise file: checked whole, then written whole or not at all.

``forms`` turns the cells of a sheet into values and collects what is wrong with them; ``book`` says
which sheets and columns there are; ``plan`` compares them with what stands and knows what is new,
changed or the same; ``dated`` decides for records that are never edited. ``meters.importing`` adds
the sheets of the devices and runs the whole book.
"""
