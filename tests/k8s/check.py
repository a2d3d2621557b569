"""Holds rendered manifests against Kubernetes' schemas and against the rules of this project.

Each argument is a file of rendered documents. Schemas are applied strictly (an unknown field is an error) for the oldest
and the newest Kubernetes version that we support. Beyond schemas: the *restricted* pod security profile, and that the
documents fit each other. At the end each rule is shown a document that breaks it and has to object.
"""

import copy
import json
import pathlib
import re
import sys

import jsonschema
import kubernetes_validate
import yaml

OLDEST, NEWEST = "1.30", "1.37"
CUSTOM = {("monitoring.coreos.com/v1", "ServiceMonitor"): "servicemonitor-monitoring-v1.json"}
SCHEMAS = pathlib.Path(__file__).parent / "schemas"
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
# Bytes of memory that a byte of a JSON body may take while it is read and answered, what the program and the bundled models
# take, and the part of the limit that all of it may fill: the rest is for what the allocator keeps.
PER_BODY_BYTE, PROGRAM, FILLED = 5, 32 << 20, 3 / 4
# An autoscaler that adds pods while less than this part of the CPU limit is in use wastes them.
LEAST_USED = 1 / 3
PROBES = {
    "startupProbe": "/health/startup",
    "readinessProbe": "/health/ready",
    "livenessProbe": "/health/live",
}


def schema_errors(document):
    """What the schemas say against a document."""
    custom = CUSTOM.get((document["apiVersion"], document["kind"]))
    try:
        if custom:
            jsonschema.validate(document, json.loads((SCHEMAS / custom).read_text()))
        else:
            for version in (OLDEST, NEWEST):
                kubernetes_validate.validate(document, version, strict=True)
    except (jsonschema.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        yield f"schema: {error.message}"


def restricted_errors(pod):
    """The restricted profile of the Pod Security Standards, rule by rule."""
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield f"restricted: {field}"
    for volume in pod.get("volumes", []):
        if not VOLUMES & volume.keys():
            yield f"restricted: volume {volume['name']} is of a forbidden type"
    shared = pod.get("securityContext", {})
    if shared.get("sysctls"):
        yield "restricted: sysctls"
    for container in pod["containers"] + pod.get("initContainers", []):
        own = container.get("securityContext", {})
        effective = {**shared, **own}
        if effective.get("runAsNonRoot") is not True:
            yield "restricted: runAsNonRoot must be true"
        if effective.get("runAsUser") == 0:
            yield "restricted: runAsUser must not be 0"
        if effective.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
            yield "restricted: seccompProfile must be RuntimeDefault or Localhost"
        if own.get("allowPrivilegeEscalation") is not False:
            yield "restricted: allowPrivilegeEscalation must be false"
        if own.get("privileged"):
            yield "restricted: privileged"
        capabilities = own.get("capabilities", {})
        if "ALL" not in capabilities.get("drop", []):
            yield "restricted: capabilities must drop ALL"
        if set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
            yield "restricted: capabilities added"
        if own.get("procMount", "Default") != "Default":
            yield "restricted: procMount"
        if any("hostPort" in port for port in container.get("ports", [])):
            yield "restricted: hostPort"


def pod_errors(pod):
    """Our own rules for a pod, beyond the profile."""
    if pod.get("automountServiceAccountToken") is not False:
        yield "pod: automountServiceAccountToken must be false"
    if not pod.get("serviceAccountName"):
        yield "pod: serviceAccountName is missing"
    for container in pod["containers"]:
        if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
            yield "pod: readOnlyRootFilesystem must be true"
        for bound in ("requests", "limits"):
            missing = {"cpu", "memory"} - container.get("resources", {}).get(bound, {}).keys()
            if missing:
                yield f"pod: {bound} without {', '.join(sorted(missing))}"
        ports = {port.get("name") for port in container.get("ports", [])}
        for probe, path in PROBES.items():
            get = container.get(probe, {}).get("httpGet", {})
            if get.get("path") != path or get.get("port") not in ports:
                yield f"pod: {probe} must ask {path} on a named port, asks {get or 'nothing'}"
        environment = {entry["name"]: entry.get("value", "") for entry in container.get("env", [])}
        yield from memory_errors(container, environment)
        head_start = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        lame_duck, drain = (seconds(environment.get(name)) for name in ("ONNXD_LAME_DUCK", "ONNXD_DRAIN_TIMEOUT"))
        stopping = head_start + lame_duck + drain
        if pod.get("terminationGracePeriodSeconds", 30) <= stopping:
            yield f"pod: the grace period must be longer than preStop, lame duck and drain together, {stopping:g} s"


def memory_errors(container, environment):
    """Whether the memory limit holds what the settings let in at the same time."""
    names = ("ONNXD_MAX_BODY", "ONNXD_MAX_IN_FLIGHT", "ONNXD_QUEUE_BYTES")
    missing = [name for name in names if not environment.get(name)]
    if missing:
        yield f"pod: memory has a limit, but {', '.join(missing)} not: the defaults are for large machines"
        return
    body, in_flight, queue = (quantity(environment[name].removesuffix("B")) for name in names)
    limit = quantity(container.get("resources", {}).get("limits", {}).get("memory", "0"))
    needed = PER_BODY_BYTE * body * in_flight + queue + PROGRAM
    if needed > FILLED * limit:
        yield f"pod: memory must be {needed / FILLED / (1 << 20):.0f}Mi at least for these bodies and this queue"


def quantity(text):
    """A number of Kubernetes, like `500m`, `2` or `512Mi`."""
    match = re.fullmatch(r"(\d+)(m|[KMG]i)?", text)
    if not match:
        raise SystemExit(f"not a quantity: {text}")
    return int(match[1]) * {None: 1, "m": 0.001, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}[match[2]]


def seconds(duration):
    """The seconds of a setting like `8s`; settings that the manifests leave to the server's defaults do not count."""
    match = re.fullmatch(r"(\d+)(ms|s|m)", duration or "0s")
    if not match:
        raise SystemExit(f"not a duration: {duration}")
    return int(match[1]) * {"ms": 0.001, "s": 1, "m": 60}[match[2]]


def reference_errors(documents):
    """Whether the documents fit each other: names, labels and ports that point at something."""
    by_kind = {}
    for document in documents:
        by_kind.setdefault(document["kind"], []).append(document)
    deployment = by_kind["Deployment"][0]
    template = deployment["spec"]["template"]
    labels = template["metadata"]["labels"]
    ports = {port["name"] for container in template["spec"]["containers"] for port in container["ports"]}

    def selects(selector, whose):
        if not selector or not selector.items() <= labels.items():
            yield f"{whose}: selects {selector}, the pods carry {labels}"

    yield from selects(deployment["spec"]["selector"]["matchLabels"], "Deployment")
    names = {account["metadata"]["name"] for account in by_kind.get("ServiceAccount", [])}
    if template["spec"].get("serviceAccountName") not in names:
        yield "Deployment: its service account does not exist"
    for service in by_kind.get("Service", []):
        yield from selects(service["spec"]["selector"], "Service")
        for port in service["spec"]["ports"]:
            if port["targetPort"] not in ports:
                yield f"Service: target port {port['targetPort']} is not a port of the container"
    for budget in by_kind.get("PodDisruptionBudget", []):
        yield from selects(budget["spec"]["selector"]["matchLabels"], "PodDisruptionBudget")
    for constraint in template["spec"].get("topologySpreadConstraints", []):
        yield from selects(constraint["labelSelector"]["matchLabels"], "topologySpreadConstraints")
    for scaler in by_kind.get("HorizontalPodAutoscaler", []):
        target = scaler["spec"]["scaleTargetRef"]
        if (target["kind"], target["name"]) != ("Deployment", deployment["metadata"]["name"]):
            yield f"HorizontalPodAutoscaler: scales {target}, which does not exist"
        if "replicas" in deployment["spec"]:
            yield "HorizontalPodAutoscaler: the deployment sets replicas too, and each apply would undo the scaling"
        cpu = [metric["resource"] for metric in scaler["spec"]["metrics"] if metric["type"] == "Resource"]
        if [metric["name"] for metric in cpu] != ["cpu"]:
            yield "HorizontalPodAutoscaler: does not look at the CPU, where small models spend most of it on HTTP and JSON"
        for container in template["spec"]["containers"] if cpu else []:
            request, limit = (
                quantity(container.get("resources", {}).get(bound, {}).get("cpu", "0")) for bound in ("requests", "limits")
            )
            used = cpu[0]["target"]["averageUtilization"] / 100 * request
            if not LEAST_USED * limit <= used <= limit:
                yield f"HorizontalPodAutoscaler: scales at {used:g} CPUs in use, of {limit:g} that a pod may use"
    services = by_kind.get("Service", [])
    for monitor in by_kind.get("ServiceMonitor", []):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        chosen = [service for service in services if wanted <= service["metadata"]["labels"].items()]
        offered = {port["name"] for service in chosen for port in service["spec"]["ports"]}
        for endpoint in monitor["spec"]["endpoints"]:
            if endpoint["port"] not in offered:
                yield f"ServiceMonitor: no service offers the port {endpoint['port']}"
    home = deployment["metadata"].get("namespace")
    if home and [space["metadata"]["name"] for space in by_kind.get("Namespace", [])] != [home]:
        yield f"Namespace: {home} is not among the documents, and a fresh cluster does not have it"
    for space in by_kind.get("Namespace", []):
        if space["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != "restricted":
            yield "Namespace: does not enforce the restricted profile"
    for document in documents:
        if document["metadata"].get("labels", {}).get("app.kubernetes.io/name") != "onnxd":
            yield f"{document['kind']}: lacks the label app.kubernetes.io/name"
        if document["kind"] == "Namespace":
            continue
        if document["metadata"].get("namespace") != home:
            yield f"{document['kind']}: is in another namespace than the deployment"


def errors(documents):
    """Everything there is to say against one rendered set."""
    for document in documents:
        for error in schema_errors(document):
            yield f"{document['kind']}: {error}"
        if document["kind"] == "Deployment":
            pod = document["spec"]["template"]["spec"]
            yield from restricted_errors(pod)
            yield from pod_errors(pod)
    yield from reference_errors(documents)


def saturation_errors(name, documents):
    """Only who asks for the component gets the metric that needs an adapter."""
    wanted = "autoscaling-saturation" in name
    scalers = (document for document in documents if document["kind"] == "HorizontalPodAutoscaler")
    if wanted != any(metric["type"] == "Pods" for scaler in scalers for metric in scaler["spec"]["metrics"]):
        yield f"HorizontalPodAutoscaler: the saturation is {'not ' if wanted else ''}among its metrics"


def pick(kind):
    return lambda documents: next(document for document in documents if document["kind"] == kind)


def pod_of(documents):
    return pick("Deployment")(documents)["spec"]["template"]["spec"]


def container_of(documents):
    return pod_of(documents)["containers"][0]


def setting_of(name):
    return lambda documents: next(entry for entry in container_of(documents)["env"] if entry["name"] == name)


# What must be objected to: where, the path below it, the value put there, and a word of the objection.
BREAKAGES = [
    (pick("Deployment"), ["spec", "replica"], 2, "schema"),
    (pick("Service"), ["spec", "ports", 0, "targetport"], "http", "schema"),
    (pick("Service"), ["spec", "ports", 0, "port"], "eighty", "schema"),
    (pick("HorizontalPodAutoscaler"), ["spec", "maxReplica"], 3, "schema"),
    (pick("PodDisruptionBudget"), ["spec", "maxAvailable"], 1, "schema"),
    (pick("ServiceMonitor"), ["spec", "endpoints", 0, "portt"], "http", "schema"),
    (pod_of, ["hostNetwork"], True, "hostNetwork"),
    (pod_of, ["volumes"], [{"name": "host", "hostPath": {"path": "/"}}], "forbidden type"),
    (pod_of, ["securityContext", "runAsNonRoot"], False, "runAsNonRoot"),
    (pod_of, ["securityContext", "runAsUser"], 0, "runAsUser"),
    (pod_of, ["securityContext", "seccompProfile", "type"], "Unconfined", "seccompProfile"),
    (container_of, ["securityContext", "allowPrivilegeEscalation"], True, "allowPrivilegeEscalation"),
    (container_of, ["securityContext", "capabilities", "drop"], ["NET_RAW"], "drop ALL"),
    (container_of, ["securityContext", "capabilities", "add"], ["SYS_ADMIN"], "capabilities added"),
    (container_of, ["securityContext", "readOnlyRootFilesystem"], False, "readOnlyRootFilesystem"),
    (container_of, ["ports", 0, "hostPort"], 8080, "hostPort"),
    (container_of, ["resources", "limits"], {"cpu": "1"}, "without memory"),
    (container_of, ["resources", "limits", "memory"], "256Mi", "memory must be"),
    (setting_of("ONNXD_MAX_BODY"), ["value"], "4MiB", "memory must be"),
    (setting_of("ONNXD_QUEUE_BYTES"), ["value"], "256MiB", "memory must be"),
    (setting_of("ONNXD_MAX_IN_FLIGHT"), ["name"], "ELSE", "ONNXD_MAX_IN_FLIGHT not"),
    (container_of, ["readinessProbe", "httpGet", "path"], "/health/live", "readinessProbe"),
    (container_of, ["livenessProbe", "httpGet", "port"], 8080, "livenessProbe"),
    (pod_of, ["automountServiceAccountToken"], True, "automountServiceAccountToken"),
    (pod_of, ["serviceAccountName"], "default", "service account"),
    (pod_of, ["terminationGracePeriodSeconds"], 30, "grace period"),
    (pick("Service"), ["spec", "ports", 0, "targetPort"], "web", "target port"),
    (pick("Service"), ["spec", "selector"], {"app": "else"}, "selects"),
    (pick("PodDisruptionBudget"), ["spec", "selector", "matchLabels"], {"app": "else"}, "selects"),
    (pick("HorizontalPodAutoscaler"), ["spec", "scaleTargetRef", "name"], "else", "does not exist"),
    (pick("Deployment"), ["spec", "replicas"], 3, "replicas"),
    (container_of, ["resources", "requests", "cpu"], "500m", "0.4 CPUs in use"),
    (pick("HorizontalPodAutoscaler"), ["spec", "metrics", 0, "resource", "name"], "memory", "look at the CPU"),
    (pick("ServiceMonitor"), ["spec", "endpoints", 0, "port"], "web", "no service offers"),
    (pick("Namespace"), ["metadata", "name"], "else", "fresh cluster"),
    (pick("Namespace"), ["metadata", "labels", "pod-security.kubernetes.io/enforce"], "baseline", "restricted profile"),
    (pick("PodDisruptionBudget"), ["metadata", "namespace"], "else", "another namespace"),
]


def unnoticed(documents):
    """The breakages that the rules above do not see."""
    for where, path, value, word in BREAKAGES:
        broken = copy.deepcopy(documents)
        place = where(broken)
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        if not any(word in error for error in errors(broken)):
            yield f"{'.'.join(map(str, path))} = {value!r} goes unnoticed"


def main(files):
    failed = False
    everything = None
    for file in map(pathlib.Path, files):
        documents = list(yaml.safe_load_all(file.read_text()))
        found = list(errors(documents)) + list(saturation_errors(file.stem, documents))
        kinds = ", ".join(sorted(document["kind"] for document in documents))
        print(f"{'FAILED' if found else 'ok':6} {file.stem}: {kinds}")
        for error in found:
            print(f"         {error}")
        failed |= bool(found)
        if file.stem == "overlay-production":
            everything = documents
    missed = list(unnoticed(everything))
    for error in missed:
        print(f"FAILED rules: {error}")
    if not missed:
        print(f"ok     rules: each of {len(BREAKAGES)} broken manifests was objected to")
    print(f"{len(files)} rendered sets against Kubernetes {OLDEST} and {NEWEST}")
    return failed or bool(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
