"""Every route except the open ones depends on a verified user."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.responses import Response

from chat_api.app import create_app
from chat_api.dependencies import current_user

OPEN = {("GET", "/chatkit"), ("HEAD", "/chatkit"), ("GET", "/chatkit/attachments")}


def depends_on(dependant: Dependant, wanted: Any) -> bool:
    return dependant.call is wanted or any(depends_on(each, wanted) for each in dependant.dependencies)


def unguarded(app: FastAPI) -> set[tuple[str, str]]:
    """Return (method, path) of the routes that never call `current_user`.

    A route of another type (Mount, Starlette's Route, an included router) hides its dependencies, so it counts as
    unguarded under the name of its type.
    """
    found: set[tuple[str, str]] = set()
    for route in app.routes:
        if not isinstance(route, APIRoute):
            found.add((type(route).__name__, getattr(route, "path", "?")))
        elif not depends_on(route.dependant, current_user):
            found |= {(method, route.path) for method in route.methods or ()}
    return found


@pytest.fixture
def app() -> FastAPI:
    unused: Any = None
    return create_app(unused, unused)


@pytest.mark.promise("H1")
def test_only_the_open_routes_skip_authentication(app):
    assert unguarded(app) == OPEN


def test_a_route_without_the_dependency_is_found(app):
    @app.get("/chatkit/new")
    async def new(request: Request) -> None: ...

    assert ("GET", "/chatkit/new") in unguarded(app)


def test_routes_that_hide_their_dependencies_are_found(app):
    router = APIRouter()

    @router.get("/chatkit/included")
    async def included() -> None: ...

    app.router.add_route("/chatkit/raw", lambda _: Response())
    app.mount("/sub", FastAPI())
    app.include_router(router)

    found = unguarded(app) - OPEN
    assert {("Route", "/chatkit/raw"), ("Mount", "/sub")} <= found
    assert len(found) == 3


def test_the_dependency_of_a_decorator_counts(app):
    @app.get("/chatkit/dependent", dependencies=[Depends(current_user)])
    async def dependent() -> None: ...

    assert ("GET", "/chatkit/dependent") not in unguarded(app)
