"""CQL2 (OGC 21-065r2): what a filter is made of, its operators and functions, and how large it may be. Pure values, no I/O."""
