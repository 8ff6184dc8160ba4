"""OCI documents: configuration, manifest and index of an image, and the archives they travel in."""
