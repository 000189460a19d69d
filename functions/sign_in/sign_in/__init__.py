"""Triggers of the user pool: allowed email domains, and groups of the identity provider."""
