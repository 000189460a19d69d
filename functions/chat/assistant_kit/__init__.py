"""Building blocks for assistants: model input, run events, workflow steps, titles, dictation and failures.

`README.md` lists them. Nothing is imported here, so that an assistant loads the Agents SDK only when it needs it.
"""
