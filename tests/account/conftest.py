from signed_in import outside, server  # noqa: F401  (fixtures)
