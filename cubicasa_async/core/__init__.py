"""The machinery of a call. It knows no endpoint and no resource."""
