"""Local sign-in pages and user pools."""
