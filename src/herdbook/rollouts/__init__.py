"""The way from one release of an application to the next: decided step by step, with reasons."""
