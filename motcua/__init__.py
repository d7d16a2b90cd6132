"""What is neither procedure nor Temporal workflow: servers, store, desk, reports, command line."""
