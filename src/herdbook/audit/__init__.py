"""The audit: who did what, in a chain in which nothing can be changed, cut or moved unnoticed."""
