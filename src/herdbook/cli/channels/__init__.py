"""The commands of channels, revocations and the audit, and what they print."""
