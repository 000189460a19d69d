"""Response streaming for ASGI applications on AWS Lambda's managed Python runtimes.

    from lambda_streaming import StreamingMangum

    handler = StreamingMangum(app)        # the function's handler; AWS_LAMBDA_EXEC_WRAPPER=/opt/bootstrap

A managed Python runtime cannot stream, but streaming is a feature of the Runtime API, and an exec wrapper may
replace the program that polls it. So AWS's own client is subclassed (`client`), the handler returns a response whose
application has not run yet (`adapter`), and posting that response runs the application (`cycle`) while its messages
leave as HTTP chunks (`response`, `wire`). On an ordinary runtime the same handler returns buffered responses. Do not
decorate the handler: it returns before the application runs.
"""

from lambda_streaming.adapter import StreamingMangum
from lambda_streaming.errors import LambdaStreamingError

__all__ = ["LambdaStreamingError", "StreamingMangum"]
