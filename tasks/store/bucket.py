"""Gives access to a store in a bucket, and says in plain words why there is none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from freshet.tasks.errors import FreshetError, MissingExtra, StoreUnreachable


class _Trouble(NamedTuple):
    """A reason why a store cannot be reached: what libraries write of it, what it is, and what mends it."""

    told_by: re.Pattern[str]
    what: str
    mend: str


def _trouble(told_by: str, what: str, mend: str) -> _Trouble:
    return _Trouble(re.compile(told_by, re.IGNORECASE), what, mend)


_TROUBLES = (
    _trouble(
        r"NoSuchBucket|bucket does not exist",
        "there is no such bucket",
        "Make the bucket, or correct store: in freshet.yaml or FRESHET_STORE. AWS_ENDPOINT_URL must name the server "
        "that has it.",
    ),
    _trouble(
        r"Failed to get AWS credentials|Unable to locate credentials|CredentialsNotLoaded|NoCredentialsError",
        "there are no credentials",
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, for whoever runs Freshet.",
    ),
    _trouble(
        r"BadScheme|URL scheme is not allowed",
        "its server is at an http:// address",
        "Set AWS_ALLOW_HTTP=true if no encryption is meant; else give AWS_ENDPOINT_URL an https:// address.",
    ),
    _trouble(
        r"PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint",
        "the bucket is in another region",
        "Set AWS_REGION and AWS_DEFAULT_REGION to the bucket's region.",
    ),
    _trouble(
        r"InvalidAccessKeyId|InvalidClientTokenId|SignatureDoesNotMatch|AccessDenied|ExpiredToken|InvalidToken|"
        r"Unauthenticated|Unauthorized|status: 40[13]\b|40[13] Forbidden|\(403\)|\bForbidden\b",
        "access was refused",
        "See that AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN are right and in force, and that they "
        "may list, read, write and delete there.",
    ),
    _trouble(
        r"kind: Connect\b|ConnectError|EndpointConnectionError|Could not connect to the endpoint|dns error|"
        r"error sending request|ConnectTimeout|ReadTimeout|timed out|Connection refused|Connection reset|"
        r"Connection was closed|IncompleteMessage|SlowDown|ServiceUnavailable|status: 50[0234]\b",
        "its server does not answer",
        "See that the server runs and AWS_ENDPOINT_URL is right, then run it again: it goes on where it stopped.",
    ),
)

_OF_A_BUCKET = re.compile(
    r"LanceError\(IO\)|Generic (S3|GCS|MicrosoftAzure|N/A)|store: \"|object.?store|botocore|aiobotocore|S3 error",
    re.IGNORECASE,
)
"""Marks a message of a bucket's client. Without such a mark, a time-out says nothing about the store."""


def unreachable(error: BaseException, address: str = "") -> StoreUnreachable | None:
    """The message that says why the store cannot be reached; None where the error has another cause.

    Args:
        address: of the store. Where it is not given, the error itself must show that it is about a bucket.
    """
    if isinstance(error, StoreUnreachable):
        return error
    if isinstance(error, FreshetError):
        return None
    told = " ".join(f"{type(one).__module__}.{type(one).__name__}: {one}" for one in chain(error))
    if "://" not in address and not _OF_A_BUCKET.search(told):
        return None
    found = next((one for one in _TROUBLES if one.told_by.search(told)), None)
    if found is None:
        return None
    return StoreUnreachable(f"the store {address} cannot be reached: {found.what}".replace("  ", " "), found.mend)


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, what caused that, and so on."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


@contextmanager
def reaching(address: str) -> Iterator[None]:
    """Replaces an error of a bucket's client by the message that says why the store cannot be reached.

    Raises:
        StoreUnreachable: the store is in a bucket that cannot be reached.
    """
    try:
        yield
    except Exception as error:  # clients of buckets are plug-ins and raise anything
        if "://" not in address or (told := unreachable(error, address)) is None:
            raise
        raise told from None


def file_system(address: str) -> tuple[Any, str]:
    """The fsspec file system of an address in the store, and the path within it.

    Its cache is emptied, since a worker lives for days and others write meanwhile.

    Raises:
        MissingExtra: the package that reads such addresses is not installed.
    """
    from fsspec.core import url_to_fs

    try:
        files, path = url_to_fs(address)
    except ImportError as error:
        extra = 'pip install "freshet[s3]"' if address.startswith(("s3://", "s3a://")) else "Install that package."
        raise MissingExtra(f"the store {address} needs a package that is not installed: {error}", extra) from None
    files.invalidate_cache()
    return files, str(path)


def check_bucket(address: str) -> None:
    """Makes sure that a store's bucket exists and may be listed. It does nothing for a store on a disk.

    Raises:
        StoreUnreachable: the bucket does not exist, or may not be listed.
        MissingExtra: the package that reads it is not installed.
    """
    if "://" not in address:
        return
    files, path = file_system(address)
    with reaching(address):
        try:
            files.ls(path, detail=False)
        except FileNotFoundError as error:
            # A prefix under which nothing was written yet is no fault; a bucket that is not there is one.
            if unreachable(error, address) is not None:
                raise
            files.ls(path.split("/", 1)[0], detail=False)
