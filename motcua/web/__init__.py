"""The desk in a browser: pages that the server renders, on the same operations as the command line."""
