# pyright: basic, reportOptionalMemberAccess=false
"""Loaded by MiniStack's Python: appends each action that IAM evaluates to the file RECORD, as JSON lines."""

import importlib.abc
import importlib.util
import json
import os
import sys

EVALUATOR = "ministack.core.iam_evaluator"


class Recording(importlib.abc.MetaPathFinder):
    """Wraps the evaluator's `enforce` when it is imported."""

    def find_spec(self, fullname, path, target=None):
        if fullname != EVALUATOR:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        run = spec.loader.exec_module

        def exec_module(module):
            run(module)
            real = module.enforce

            def enforce(key, action, service, region, resource_arn="*", service_context=None):
                result = real(key, action, service, region, resource_arn, service_context)
                with open(os.environ["RECORD"], "a") as record:
                    record.write(json.dumps([key, action, resource_arn, result is None]) + "\n")
                return result

            module.enforce = enforce

        spec.loader.exec_module = exec_module
        return spec


if "RECORD" in os.environ:
    sys.meta_path.insert(0, Recording())
