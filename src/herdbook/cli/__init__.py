"""The command line: parses, calls one action, prints; one module per noun."""
