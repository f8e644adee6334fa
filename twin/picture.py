"""The two names that the style of a picture and the process that paints it agree on."""

SOURCE = "tile"
"""The one source of a picture."""
FONT = "sans"
"""The one font stack of pictures."""
