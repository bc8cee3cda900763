"""Datasets over HTTP: upload a file or preview it, list the versions, read one, its rows, and all of it as a file."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response, UploadFile, status
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Message

from app.datasets import export, store
from app.datasets.ingest import Upload, ingest, preview, upload_too_large
from app.datasets.schemas import (
    DatasetIn,
    DatasetListOut,
    DatasetOut,
    DatasetRowListOut,
    DatasetRowOut,
    PageIn,
    PreviewOut,
    RowsPageIn,
)
from app.datasets.splits import Split
from app.deps import DatabaseDep, SessionDep, SettingsDep
from app.errors import TooLarge, Unprocessable


class LimitedRoute(APIRoute):
    """Refuses a body over VERSUS_MAX_UPLOAD_BYTES: before it is read if it says its length, else as soon as it is over."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def limited(request: Request) -> Response:
            limit = request.app.state.settings.max_upload_bytes
            length = request.headers.get("content-length", "")
            if length.isdecimal() and int(length) > limit:
                raise upload_too_large(limit)
            arrived = 0

            async def receive() -> Message:
                nonlocal arrived
                message = await request.receive()
                arrived += len(message.get("body", b""))
                if arrived > limit:
                    raise upload_too_large(limit)
                return message

            try:
                return await handle(Request(request.scope, receive))
            except HTTPException as error:
                # The framework makes a 400 of whatever goes wrong while it reads a form.
                if isinstance(error.__cause__, TooLarge):
                    raise error.__cause__ from None
                raise

        return limited


router = APIRouter(prefix="/v1/datasets", tags=["datasets"], route_class=LimitedRoute)


class UploadIn(DatasetIn):
    """A file, and how it becomes a dataset. With an official split, `test` (and `validation`) are files of the same columns."""

    file: UploadFile
    validation: UploadFile | None = None
    test: UploadFile | None = None

    def uploads(self) -> list[Upload]:
        files: tuple[tuple[Split, UploadFile | None], ...] = (
            ("train", self.file),
            ("validation", self.validation),
            ("test", self.test),
        )
        return [Upload(file.file, file.filename or "", split) for split, file in files if file is not None]


async def one_file_each(request: Request) -> None:
    """Raises Unprocessable for two parts of one name, of which the form would keep the last."""
    form = await request.form()
    for part in ("file", "validation", "test"):
        if (count := len(form.getlist(part))) > 1:
            raise Unprocessable(f"The upload has {count} parts named {part!r}; send one.", param=part)


UploadDep = Annotated[UploadIn, Form(media_type="multipart/form-data")]


@router.post(
    "", status_code=status.HTTP_201_CREATED, responses={200: {"model": DatasetOut}}, dependencies=[Depends(one_file_each)]
)
async def upload_dataset(form: UploadDep, session: SessionDep, settings: SettingsDep, response: Response) -> DatasetOut:
    """Makes a new version from a CSV, TSV, JSON Lines or Parquet file; the very same content under the same name returns its
    version. Columns that are not named are guessed, and a guess that is not sure enough is a 422 that lists them."""
    ingested = await asyncio.to_thread(ingest, form.uploads(), form, settings)
    dataset, is_new = await store.add_dataset(session, **vars(ingested))
    if not is_new:
        response.status_code = status.HTTP_200_OK
    response.headers["Location"] = f"{router.prefix}/{dataset.id}"
    return DatasetOut.of(dataset)


@router.post("/preview", dependencies=[Depends(one_file_each)])
async def preview_dataset(form: UploadDep, settings: SettingsDep) -> PreviewOut:
    """What the same upload would make: the columns and what they are taken for, the first rows, splits, counts, report, and why
    it would be refused. Nothing is stored."""
    return await asyncio.to_thread(preview, form.uploads(), form, settings)


@router.get("")
async def list_datasets(page: Annotated[PageIn, Query()], session: SessionDep) -> DatasetListOut:
    """All versions of all datasets, newest first."""
    found, next_cursor = await store.list_datasets(session, cursor=page.cursor, limit=page.limit)
    return DatasetListOut(data=[DatasetOut.of(dataset) for dataset in found], next_cursor=next_cursor)


@router.get("/{dataset}")
async def get_dataset(dataset: str, session: SessionDep) -> DatasetOut:
    """One version by its id, or the newest of a name."""
    return DatasetOut.of(await store.find_dataset(session, dataset))


@router.get("/{dataset}/rows")
async def get_dataset_rows(dataset: str, page: Annotated[RowsPageIn, Query()], session: SessionDep) -> DatasetRowListOut:
    """Rows in the order of the file, of one split or of all."""
    found = await store.find_dataset(session, dataset)
    rows, next_cursor = await store.page_rows(session, found.id, split=page.split, cursor=page.cursor, limit=page.limit)
    data = [DatasetRowOut.of(found.kind, row.position, row) for row in rows]
    return DatasetRowListOut(data=data, next_cursor=next_cursor)


@router.get("/{dataset}/export", response_class=StreamingResponse)
async def export_dataset(
    dataset: str, session: SessionDep, database: DatabaseDep, format: export.Format = "jsonl", split: Split | None = None
) -> StreamingResponse:
    """All rows, or those of one split, with the split of each: as JSON Lines, which uploaded again under the same name with
    `split_by=split` (and `keep`, `clean`, `drop` as the first time) make the same version, or as CSV, in which no cell is a
    formula."""
    found = await store.find_dataset(session, dataset)
    content = export.lines(found.kind, found.columns or [], store.all_rows(database, found.id, split), format)
    headers = {"Content-Disposition": f'attachment; filename="{found.name}-{found.version}.{format}"'}
    return StreamingResponse(content, media_type=export.MEDIA_TYPES[format], headers=headers)
