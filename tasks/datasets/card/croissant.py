"""Croissant 1.1 metadata of a version (http://mlcommons.org/croissant/1.1): its files, their hashes and their records.

Nothing in it is taken from a clock or a machine, so that the same version has the same metadata everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from freshet.tasks.datasets.card.sources import by_input
from freshet.tasks.datasets.export.files import Column, ExportFile, Kind
from freshet.tasks.datasets.origins.licences import licence_address
from freshet.tasks.settings.datasets import Dataset
from freshet.tasks.settings.types import duration_text

if TYPE_CHECKING:
    from freshet.tasks.ledger.versions import VersionFacts

CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
CARD = "README.md"
MOST_SOURCES = 1_000
"""Source files that are named one by one; of more files, their inputs are named, and lineage.parquet has the files."""

_FORMATS = {".jsonl": "application/jsonlines", ".parquet": "application/x-parquet"}
_TYPES: Mapping[Kind, str] = {
    "text": "sc:Text", "integer": "sc:Integer", "number": "sc:Float", "boolean": "sc:Boolean",
}  # fmt: skip
_SIDECARS = {
    "lineage": "Where each row comes from",
    "rejected": "The rows that were left out: where they stand, and the rules that keep them out",
}
_SPLITS = {"train": "cr:TrainingSplit", "validation": "cr:ValidationSplit", "test": "cr:TestSplit"}
_PERSONAL = {
    "reject": "Rows in which personal data was recognised were left out.",
    "redact": "Personal data that was recognised was replaced by placeholders.",
    "allow": "Rows may hold personal data: it was looked for, and left in.",
}

CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "annotation": "cr:annotation",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "excludes": "cr:excludes",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "readLines": "cr:readLines",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "sdVersion": "cr:sdVersion",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
    "unArchive": "cr:unArchive",
}


def croissant(facts: VersionFacts, files: Sequence[ExportFile], *, published: str | None = None) -> dict[str, Any]:
    """Returns the metadata as JSON-LD.

    Args:
        facts: the facts of the version.
        files: the exported files; a file without columns or rows is named in the distribution and has no record set.
        published: the date of publication, like 2026-11-22. Croissant asks for one; without it the field is left out,
            and readers warn.
    """
    settings = Dataset.model_validate(facts.settings)
    kept = facts.rows["kept"]
    said = settings.description.strip() or f"A fine-tuning dataset of {kept} rows in TRL's format {facts.format}."
    found: dict[str, Any] = {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": facts.dataset,
        "description": said,
        "version": facts.version,
        "url": CARD,
        "license": _licences(facts.sources),
        "creator": [
            {"@type": "sc:Organization", "name": owner} for owner in sorted({s["owner"] for s in facts.sources})
        ],
        "datePublished": published,
        "keywords": ["fine-tuning", facts.format],
        "citeAs": f"{facts.dataset}, version {facts.version}, digest {facts.digest}",
        "isLiveDataset": False,
        "usageInfo": _usage(facts.sources),
        **_responsibility(facts, settings),
        "prov:wasDerivedFrom": _sources(facts.sources),
        "prov:wasGeneratedBy": {"@type": "prov:Activity", "prov:label": f"freshet dataset build {facts.dataset}"},
        "distribution": [_file_object(one) for one in files],
        "recordSet": _record_sets(files),
    }
    return {name: value for name, value in found.items() if value not in (None, [])}


def croissant_bytes(metadata: Mapping[str, Any]) -> bytes:
    """Returns the metadata as the bytes of croissant.json."""
    return (json.dumps(metadata, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _licences(sources: Sequence[Mapping[str, Any]]) -> list[str | dict[str, str]]:
    """Returns the addresses of the sources' licences; a licence without an address is named."""
    stated = sorted({s["licence"] for s in sources})
    return [licence_address(one) or {"@type": "sc:CreativeWork", "name": one} for one in stated]


def _usage(sources: Sequence[Mapping[str, Any]]) -> str | None:
    permitted = [set(s["uses"]) for s in sources]
    common = sorted(set.intersection(*permitted)) if permitted else []
    return f"All owners permit: {', '.join(common)}." if common else None


def _responsibility(facts: VersionFacts, settings: Dataset) -> dict[str, Any]:
    """Returns the fields of Croissant's extension for responsible AI, as far as the build knows them."""
    rows, checks = facts.rows, settings.checks
    benchmarks = len(checks.decontaminate)
    return {
        "rai:dataCollection": "Rows were read from the files and documents that this dataset was derived from.",
        "rai:dataCollectionMissingData": (
            f"Of {rows['read']} rows that were read, {rows['rejected']} were left out; {CARD} says why."
        ),
        "rai:dataPreprocessingProtocol": [
            "Texts were normalised (Unicode NFC, line ends, control and zero-width characters, trailing space); "
            "lineage.parquet names what was done to each row.",
            "Equal rows, and rows whose word 5-grams have a true Jaccard similarity of at least "
            f"{checks.near_duplicates:g}, were reduced to one.",
            f"Rows that repeat one of {benchmarks} declared benchmarks were left out."
            if benchmarks
            else "No benchmark was declared, so that rows were compared with none.",
        ],
        "rai:personalSensitiveInformation": [
            _PERSONAL[checks.personal_data],
            "It was recognised by patterns and check digits; names of persons are not.",
        ],
        "rai:dataUseCases": [f"Fine-tuning of language models, in TRL's format {facts.format}."],
        "rai:dataLimitations": [f"What was not checked is said in {CARD}."],
        "rai:dataReleaseMaintenancePlan": (
            f"This version is never altered. It is kept for {duration_text(settings.retain)} from its publication."
        ),
    }


def _sources(sources: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    if len(sources) > MOST_SOURCES:
        sources = by_input(sources)
    return [_source(one) for one in sources]


def _source(source: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        "@type": "prov:Entity",
        "prov:label": source["input"],
        "url": source["uri"],
        "version": source["source_version"],
        "license": licence_address(source["licence"]) or source["licence"],
        "prov:wasAttributedTo": {"@type": "prov:Agent", "prov:label": source["owner"]},
        "usageInfo": f"Permitted: {', '.join(source['uses'])}.",
        "description": f"{source['rows_kept']} rows of this version come from it.",
    }
    return {name: value for name, value in found.items() if value is not None}


def _file_object(file: ExportFile) -> dict[str, Any]:
    suffix = "." + file.path.rsplit(".", 1)[-1]
    whose = f" of the split {file.split}" if file.split else ""
    what = _SIDECARS.get(file.kind, f"{file.rows} rows{whose}, written as {file.kind}")
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "description": what + ".",
        "contentUrl": file.path,
        "contentSize": f"{file.size} B",
        "encodingFormat": _FORMATS[suffix],
        "sha256": file.sha256,
    }


def _record_sets(files: Sequence[ExportFile]) -> list[dict[str, Any]]:
    held = [one for one in files if one.columns and one.rows]
    splits = list(dict.fromkeys(one.split for one in held if one.split))
    sets = [_record_set(one) for one in held]
    return [_split_set(splits), *sets] if splits else sets


def _split_set(splits: Sequence[str]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "description": "The splits of the dataset.",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [
            {"@type": "cr:Field", "@id": "splits/name", "name": "name", "dataType": "sc:Text"},
            {"@type": "cr:Field", "@id": "splits/url", "name": "url", "dataType": ["sc:URL", "cr:Split"]},
        ],
        "data": [{"splits/name": name, "splits/url": _SPLITS[name]} for name in splits],
    }


def _record_set(file: ExportFile) -> dict[str, Any]:
    name = f"{file.kind}-{file.split}" if file.split else str(file.kind)
    fields = [_field(name, file.path, column) for column in file.columns]
    if file.split:
        fields.append(
            {
                "@type": "cr:Field",
                "@id": f"{name}/split",
                "name": "split",
                "description": "The split that the row is in; the file does not repeat it.",
                "dataType": "sc:Text",
                "references": {"field": {"@id": "splits/name"}},
                "value": file.split,
            }
        )
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"The {file.rows} records of {file.path}.",
        "field": fields,
    }


def _field(record_set: str, path: str, column: Column) -> dict[str, Any]:
    found: dict[str, Any] = {"@type": "cr:Field", "@id": f"{record_set}/{column.name}", "name": column.name}
    if column.repeated:
        found |= {"isArray": True, "arrayShape": "-1"}
    name, _, inner = column.name.partition(".")
    steps = [inner] if inner else []
    if not column.members:
        return {**found, "dataType": _TYPES[column.kind], "source": _extract(path, name, steps)}
    found["subField"] = [
        {
            "@type": "cr:Field",
            "@id": f"{record_set}/{column.name}/{member.name}",
            "name": member.name,
            "dataType": _TYPES[member.kind],
            "source": _extract(path, name, [*steps, member.name]),
        }
        for member in column.members
    ]
    return found


def _extract(path: str, column: str, steps: Sequence[str]) -> dict[str, Any]:
    """Returns where a field's values are: in a column, and down the steps into the objects that the column holds."""
    found: dict[str, Any] = {"fileObject": {"@id": path}, "extract": {"column": column}}
    return {**found, "transform": [{"jsonPath": step} for step in steps]} if steps else found
