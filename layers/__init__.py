"""What is published: catalogue, products, access, search, styles."""
