"""Layers written as text or files for other systems: one module for each way of writing, all of them listed in `formats.py`."""
