"""The commands of people, robots, roles and tokens, and what they print."""
