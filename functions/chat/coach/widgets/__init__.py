"""Widgets of the coach. ChatKit Studio can open and save the templates."""
