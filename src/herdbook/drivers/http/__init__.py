"""HTTP, for the drivers that read from registries: connections, who one is, downloads."""
