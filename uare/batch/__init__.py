"""A command over many photos: one after the other, each written whole, going on where it stopped."""
