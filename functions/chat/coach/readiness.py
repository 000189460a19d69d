"""Work that the first turn would otherwise wait for, done while the function initialises, with the whole CPU.

Theory. The `openai` and `chatkit` packages build the validators of their models when one is first used: for the models
of a streamed answer that is half a second, in the middle of the first one.
"""

from __future__ import annotations

from types import ModuleType

import chatkit.types
import openai.types.responses
from pydantic import BaseModel


def build_validators(*modules: ModuleType) -> int:
    """Build what is not built yet, and return how many validators that were."""
    models = [each for module in modules for each in vars(module).values() if isinstance(each, type)]
    waiting = [each for each in models if issubclass(each, BaseModel) and each is not BaseModel]
    return sum(model.model_rebuild() is True for model in waiting)


def get_ready() -> int:
    """Build the validators of a streamed answer."""
    return build_validators(chatkit.types, openai.types.responses)
