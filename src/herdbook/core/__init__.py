"""What every other package may need: errors, digests, time, progress."""
