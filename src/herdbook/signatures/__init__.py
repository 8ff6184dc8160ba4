"""Who vouches for what: keys, signed statements, and how others find and check them."""
