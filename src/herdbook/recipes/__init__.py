"""What an image should contain: the recipe, its schema and how it is read."""
