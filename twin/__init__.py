"""What a city is: nouns and pure maths. Imports nothing of ours and does no I/O beyond its own settings and code lists."""

__version__ = "0.1.0"
