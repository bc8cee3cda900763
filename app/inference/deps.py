"""What the inference routes depend on, named once as types."""

from typing import Annotated

from fastapi import Depends, Request

from app.inference.serving import Serving


async def get_serving(request: Request) -> Serving:
    state = request.app.state
    return Serving(state.settings, state.database, state.catalog, state.engines, state.tasks, state.scorer)


ServingDep = Annotated[Serving, Depends(get_serving)]
