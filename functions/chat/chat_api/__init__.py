"""The ChatKit endpoint of one Lambda function: identity, admission, ChatKit's server, HTTP."""
