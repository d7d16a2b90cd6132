"""Temporal workflows: durable shells around the pure rules of `models`."""
