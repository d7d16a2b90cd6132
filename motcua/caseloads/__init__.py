"""Caseloads: who hands in what and who acts when, put through the office in virtual time."""
