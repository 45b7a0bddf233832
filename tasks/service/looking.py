"""What a caller may look at: passages, corpora, documents, and himself."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Path, Query, Request

from freshet.tasks.service.search_shapes import SearchRequest, SearchResponse
from freshet.tasks.service.shapes import CorporaResponse, DocumentResponse, MeResponse, Problem

TROUBLES: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": said, "content": {"application/problem+json": {}}}
    for status, said in {
        400: "What was asked is no question, or names no principal.",
        401: "There is no token, or it is no good.",
        403: "The caller may not do that.",
        404: "There is no such thing that the caller may see.",
        413: "The request is too long.",
        422: "The request does not fit.",
        429: "Too much at once; Retry-After says when to try again.",
        503: "The store cannot be read now.",
    }.items()
}


def add_looking(app: FastAPI) -> None:
    """Adds `/v1/search`, `/v1/corpora`, `/v1/documents/{id}` and `/v1/me`."""

    @app.post(
        "/v1/search",
        tags=["answers"],
        summary="Passages that answer a question",
        response_model=SearchResponse,
        responses=TROUBLES,
    )
    def search(request: Request, body: SearchRequest) -> dict[str, Any]:
        desk = app.state.desk
        asker = desk.asker(request.state.caller, body.as_)
        corpus = desk.corpus(asker, body.corpus)
        found = desk.search(
            asker, corpus, body.question, mode=body.mode, limit=body.limit, release=body.release, wanted=body.wanted()
        )
        return {"corpus": corpus, **found.as_dict()}

    @app.get(
        "/v1/corpora",
        tags=["documents"],
        summary="The corpora of which the caller may see something",
        response_model=CorporaResponse,
        responses=TROUBLES,
    )
    def corpora(request: Request) -> dict[str, Any]:
        desk = app.state.desk
        return {"corpora": desk.corpora(desk.asker(request.state.caller))}

    @app.get(
        "/v1/documents/{id}",
        tags=["documents"],
        summary="The text of a document, and where its passages stand",
        response_model=DocumentResponse,
        responses=TROUBLES,
    )
    def document(
        request: Request,
        id: Annotated[str, Path(max_length=200, description="as hits and citations have it")],
        corpus: Annotated[str | None, Query(max_length=200, description="which corpus; by default, any")] = None,
        start: Annotated[int, Query(ge=0, le=2**31 - 1, description="first character that is wanted")] = 0,
        end: Annotated[int | None, Query(ge=0, le=2**31 - 1, description="the one after the last")] = None,
    ) -> dict[str, Any]:
        desk = app.state.desk
        return dict(desk.document(desk.asker(request.state.caller), id, corpus).as_dict(start, end))

    @app.get("/v1/me", tags=["documents"], summary="Who the caller is", response_model=MeResponse, responses=TROUBLES)
    def me(request: Request) -> dict[str, Any]:
        desk, caller = app.state.desk, request.state.caller
        return {
            "name": caller.name,
            "principals": sorted(desk.asker(caller).principals),
            "owner": desk.is_owner(caller),
            "may_impersonate": caller.may_impersonate,
        }
