"""Side by side: one input to several models at once, logged, listed and exported."""
