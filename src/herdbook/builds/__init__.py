"""From lock to version: keys, roots, layers and the checks between them."""
