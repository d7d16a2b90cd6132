"""What those who develop motcua run by hand."""
