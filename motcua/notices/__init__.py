"""Notices on their way to people: texts, channels, and the post that carries them."""
