"""The page from its sources with a deployed backend: `make dev-frontend ENV=dev`.

    serve(deployment, port=5173, vite="frontend/node_modules/.bin/vite frontend")

Vite serves the page on this machine, forwards `/chatkit` to the deployed site, and returns the deployed configuration
with a local callback. Sign-in is Cognito's own, so its client must accept the local address: parameter LocalCallback.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping

from tools import ROOT
from tools.stack.deployment import Deployment
from tools.stack.operator import DeploymentError
from tools.stack.publish import site_config

PORT = 5173


def vite_environment(env: str, outputs: Mapping[str, str], parameters: Mapping[str, str], port: int) -> dict[str, str]:
    """Return Vite's settings. Raises DeploymentError if sign-in of the stack does not accept this address."""
    origin = f"http://localhost:{port}"
    if (accepted := parameters.get("LocalCallback", "")) != origin:
        found = f"returns to {accepted}" if accepted else "does not return to this machine"
        raise DeploymentError(
            f'sign-in of the stack {found}: run `make deploy ENV={env} PARAMS="LocalCallback={origin}"` once; '
            "it requires Stage=dev"
        )
    key = os.environ.get("CHATKIT_DOMAIN_KEY", "localhost")  # ChatKit accepts any key on localhost
    config = site_config({**outputs, "SiteUrl": origin}, key)
    return {"API_URL": outputs["SiteUrl"], "SITE_CONFIG": json.dumps(config), "PORT": str(port)}


def serve(deployment: Deployment, port: int, vite: str) -> None:
    """Run the shell command `vite` until Ctrl-C."""
    settings = vite_environment(deployment.env, deployment.outputs(), deployment.parameters(), port)
    deployment.console.print(
        f"[bold]Open http://localhost:{port}[/bold]  (the page from frontend/, the API of {deployment.stack_name})"
    )
    try:
        done = subprocess.run(vite, shell=True, cwd=ROOT, env={**os.environ, **settings}, check=False)
    except KeyboardInterrupt:
        return
    if done.returncode:
        raise DeploymentError(f"Vite ended with exit code {done.returncode}; if port {port} is in use: PORT=5180")
