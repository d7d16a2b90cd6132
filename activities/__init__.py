"""Thin activities: translate, call one port, return."""
