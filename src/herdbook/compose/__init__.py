"""The Compose file: read, checked by its official schema, merged, and made plain."""
