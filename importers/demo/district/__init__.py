"""A made-up city district, the same for the same seed, with every layer a twin needs; labelled 示例数据 everywhere."""
