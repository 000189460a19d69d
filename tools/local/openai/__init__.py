"""A local model server with OpenAI's API and rule-based answers."""
