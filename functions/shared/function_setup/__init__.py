"""Set-up that every Lambda function of this project shares: settings, AWS clients, logs.

    settings = read_settings(Settings)
    configure_logs("my_function", settings.log_level, own=["coach"])
    dynamodb = ClientSession().client("dynamodb", CLIENT_CONFIG)

Nothing here runs at import; a function's handler module calls it.
"""

from function_setup.clients import ClientSession, LazyClient
from function_setup.logs import configure_logs, log_keys, release_logs, write_metrics
from function_setup.redaction import texts
from function_setup.settings import FunctionSettings, SettingsError, read_settings

__all__ = [
    "ClientSession",
    "FunctionSettings",
    "LazyClient",
    "SettingsError",
    "configure_logs",
    "log_keys",
    "read_settings",
    "release_logs",
    "texts",
    "write_metrics",
]
