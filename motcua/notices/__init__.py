"""Notices on their way to people: whom to tell, the channels, and the post that carries them."""
