"""The office in plain Python: no I/O, no clock, no Temporal."""
