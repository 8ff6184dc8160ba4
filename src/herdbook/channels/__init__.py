"""Channels: which version of an image is meant by a name, who put it there, and what forbids it."""
