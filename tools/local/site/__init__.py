"""The frontend and a local CloudFront."""
