"""Fields that the cluster reads otherwise than this machine, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

from tyger_local.lint.model import Finding, Rule, Severity, Subject
from tyger_local.lint.refused import refused
from tyger_local.spec.models import JobCodespec, WorkerCodespec


def working_dir(subject: Subject) -> Iterator[Finding]:
    """The cluster ignores `workingDir`.

    Tyger's server sets a container's working directory only where it runs containers through Docker. On the
    cluster the image's own WORKDIR holds, so relative paths in the command lead somewhere else.
    """
    if subject.codespec.working_dir:
        yield Finding(
            ("workingDir",),
            "the cluster ignores workingDir and starts the command in the image's own WORKDIR",
            "remove it, and use absolute paths in the command, or WORKDIR in the image's Dockerfile",
        )


def identity(subject: Subject) -> Iterator[Finding]:
    """An identity gives a container rights on the cluster that it does not have here.

    The cluster knows only the identities that were configured there, and refuses a run with another one.
    This tool ignores the field.
    """
    if subject.codespec.identity:
        yield Finding(
            ("identity",),
            f"the cluster refuses every run unless the identity '{subject.codespec.identity}' "
            "is configured there",
            "remove it if the program asks for no rights; else ignore this",
        )


def image_tag(subject: Subject) -> Iterator[Finding]:
    """The image has no tag, or `latest`.

    What such a name stands for changes. A node that has an older one may go on using it, so that two runs
    of the same version of a codespec need not be the same.
    """
    image = subject.codespec.image
    name, at, _ = image.partition("@")
    _, colon, tag = name.rpartition("/")[2].partition(":")
    if not at and (not colon or tag == "latest"):
        yield Finding(
            ("image",),
            f"what '{image}' stands for changes, so two runs of one version may differ",
            "name a tag that stays (image:1.2) or a digest (image@sha256:…)",
        )


def max_replicas(subject: Subject) -> Iterator[Finding]:
    """More replicas are asked for than `maxReplicas`, and nobody minds.

    Neither the cluster nor this tool enforces it: all of them are started.
    """
    most = subject.codespec.max_replicas
    if most is not None and subject.replicas > max(most, 1):
        yield Finding(
            ("maxReplicas",),
            f"the cluster does not enforce maxReplicas and starts all {subject.replicas} replicas",
            f"ask for at most {max(most, 1)} replicas, or raise maxReplicas to {subject.replicas}",
        )


def replicas_with_outputs(subject: Subject) -> Iterator[Finding]:
    """Several replicas of a job would write the same output buffer.

    The cluster starts the same containers for each replica, those that move the buffers too, and they
    collide at the second write. Inputs are no trouble: each replica reads the whole.
    """
    codespec = subject.codespec
    if isinstance(codespec, JobCodespec) and codespec.buffers.outputs and subject.replicas > 1:
        yield Finding(
            ("buffers", "outputs"),
            f"{subject.replicas} replicas write the buffer '{codespec.buffers.outputs[0]}' on the "
            "cluster, and collide",
            "ask for one replica of the job, and spread the work over workers",
        )


def endpoint_port(subject: Subject) -> Iterator[Finding]:
    """An endpoint's port is none.

    Ports are 1 to 65535. Tyger stores another number, and the cluster fails every run.
    """
    yield from refused(subject, "endpoint-port", "use a port between 1 and 65535")


def worker_without_endpoints(subject: Subject) -> Iterator[Finding]:
    """A worker has no endpoints, so that a job learns no address of it.

    The job still finds the workers' host names in TYGER_WORKER_NODES, and must know the port by itself.
    """
    if isinstance(subject.codespec, WorkerCodespec) and not subject.codespec.endpoints:
        yield Finding(
            ("endpoints",),
            "the job is told the workers' host names and no ports",
            "add endpoints, a name and a port each",
        )


def socket_port_shared(subject: Subject) -> Iterator[Finding]:
    """Two sockets have the same port.

    Each makes a connection of its own, in no certain order, so the program cannot tell which buffer is which.
    """
    sockets = subject.codespec.sockets if isinstance(subject.codespec, JobCodespec) else ()
    ports = [socket.port for socket in sockets]
    for index, port in enumerate(ports):
        if port in ports[:index]:
            yield Finding(
                ("sockets", index, "port"),
                f"two connections come to port {port}, in no certain order",
                "give each socket a port of its own, or name both buffers in one socket",
            )


RULES = (
    Rule("working-dir", Severity.WARNING, "workingDir is ignored", working_dir),
    Rule("identity", Severity.NOTE, "identity that the cluster must know", identity),
    Rule("image-tag", Severity.NOTE, "image without a tag that stays", image_tag),
    Rule("max-replicas", Severity.WARNING, "more replicas than maxReplicas", max_replicas),
    Rule("replicas-with-outputs", Severity.ERROR, "replicas with an output", replicas_with_outputs),
    Rule("endpoint-port", Severity.ERROR, "port out of range", endpoint_port),
    Rule(
        "worker-without-endpoints",
        Severity.NOTE,
        "worker without endpoints",
        worker_without_endpoints,
    ),
    Rule("socket-port-shared", Severity.WARNING, "two sockets on one port", socket_port_shared),
)
