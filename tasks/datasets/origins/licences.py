"""The identifier and the address of a stated licence, where it is on the SPDX list."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"https?://\S+")
_SPDX_PAGE = "https://spdx.org/licenses/{}.html"


def spdx_identifier(licence: str) -> str | None:
    """Returns the SPDX identifier as the list writes it ("mit" → "MIT"); None for what is not one entry of the list."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        known = str(canonicalize_license_expression(licence.strip()))
    except InvalidLicenseExpression:
        return None
    # Expressions of several and identifiers of one's own (LicenseRef-…) are valid, and have no page.
    return None if " " in known or known.startswith("LicenseRef-") else known


def licence_address(licence: str) -> str | None:
    """Returns the address at which a licence can be read: as stated, or on the SPDX list; None where there is none."""
    if _ADDRESS.fullmatch(licence.strip()):
        return licence.strip()
    known = spdx_identifier(licence)
    return _SPDX_PAGE.format(known.removesuffix("+")) if known else None
