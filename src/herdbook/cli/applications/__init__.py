"""The commands about applications: what is up, what is rolled out, and what happened."""
