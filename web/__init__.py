"""Ways in by HTTP, and the map people see."""
