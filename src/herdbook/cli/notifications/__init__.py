"""Commands about who is told of what."""
