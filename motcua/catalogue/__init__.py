"""The catalogue: reads and checks `catalog/` (office, procedures, calendars) and answers from it.

A file that is wrong is refused on one line with its name, the place in it and the reason, and nothing of
that catalogue is used. Nothing is imported here: whoever needs a calendar alone does not pay for the rest.
"""
