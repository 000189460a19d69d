"""Small programs to start from: assistants for chat_api, and a ChatKit server that uses only the libraries."""
