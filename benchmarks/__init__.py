"""What the product costs: the bare lifecycle and the full one side by side on the same servers."""
