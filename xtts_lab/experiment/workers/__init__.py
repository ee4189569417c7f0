"""Work that may fail, and processes that may die of it."""
