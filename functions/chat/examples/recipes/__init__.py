"""Recipes: one feature of ChatKit or the Agents SDK per file. docs/use/recipes.md shows them.

ASSISTANT=examples.recipes.tool:build make dev
"""
