"""Commands about who vouches for what."""
