"""Content-addressed, canonical tar layers: trees, writing, reading, stacking, factoring."""
