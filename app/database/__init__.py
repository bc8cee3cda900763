"""The tables of all features, and sessions over them."""
