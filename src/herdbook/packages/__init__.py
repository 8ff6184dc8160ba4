"""The Debian archive: suites, locked packages, .deb files, relations, the order to unpack in."""
