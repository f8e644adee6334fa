"""CQL2 filters: read from text and JSON, written back as both, and checked against what a layer lets be asked."""
