"""The example shop's web service."""
