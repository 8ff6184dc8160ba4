"""Images and their versions: what was built, from which layers, and the ports that keep it."""
