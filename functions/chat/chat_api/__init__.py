"""ChatKit endpoint for AWS Lambda: authentication, admission, the ChatKit server and its HTTP routes."""
