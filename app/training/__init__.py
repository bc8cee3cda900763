"""Makes models: the general model in the box, and custom variants from recipes."""
