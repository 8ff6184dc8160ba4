"""The verbs: each loads what it needs, decides, acts through ports and records the result."""
