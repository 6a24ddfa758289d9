from signed_in import server  # noqa: F401  (a fixture)
