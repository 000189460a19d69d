"""Response streaming for ASGI applications on AWS Lambda's managed Python runtimes.

    from lambda_streaming import StreamingMangum

    handler = StreamingMangum(app)        # the function's handler; AWS_LAMBDA_EXEC_WRAPPER=/opt/bootstrap

A managed Python runtime cannot stream, but streaming is a feature of the Runtime API, not of a runtime, and an exec
wrapper may replace what polls it. So AWS's own client is subclassed (`client`), the handler returns a response whose
application has not run yet (`adapter`), and posting that response runs the application (`cycle`) while its messages
leave as HTTP chunks (`response_stream`). On an ordinary runtime the same handler answers buffered. Nothing may decorate
the handler: it returns before the application has run.
"""

from lambda_streaming.adapter import StreamingMangum
from lambda_streaming.errors import LambdaStreamingError

__all__ = ["LambdaStreamingError", "StreamingMangum"]
