"""What each field of codespec and run files means, in the words that editors show beside it.

A table beside the models and not in them: a run loads those, and nobody is there to read this. A test holds
the two together.
"""

from __future__ import annotations

from collections.abc import Mapping

from tyger_local.spec.models import (
    Buffers,
    CodespecFile,
    ComputeResources,
    Model,
    Resources,
    RunFile,
    RunTarget,
    Socket,
)

DESCRIPTIONS: Mapping[type[Model], Mapping[str, str]] = {
    CodespecFile: {
        "image": "The container image. Required; 'codespec create' can be given it as --image instead.",
        "command": "Replaces the image's ENTRYPOINT, and drops its CMD. No shell reads it. $(NAME) is "
        "replaced by the variable's value.",
        "args": "The container's arguments; they replace the image's CMD. No shell reads them. "
        "$(NAME) is replaced by the variable's value: $(INPUT_PIPE) is the pipe of the buffer 'input'.",
        "workingDir": "The folder in which the command starts. Honoured here, ignored by the cluster.",
        "env": "Environment variables. $(NAME) in a value is replaced by a variable that is defined before "
        "it; the cluster defines shorter names first.",
        "identity": "The workload identity on the cluster. Ignored here.",
        "resources": "CPU, memory, GPUs and /dev/shm.",
        "maxReplicas": "A hint for how many replicas make sense. Nobody enforces it.",
        "kind": "'job' (the default) reads and writes buffers and runs to an end; 'worker' serves a job "
        "through endpoints.",
        "name": "What 'codespec create' calls it when the command line names none.",
        "version": "Accepted and ignored, so that what 'codespec show' prints can be created again.",
        "createdAt": "Accepted and ignored, like 'version'.",
        "buffers": "The names of the job's buffers. Each is a named pipe, whose path is in <BUFFER>_PIPE.",
        "sockets": "TCP ports of the job through which buffers go instead of pipes.",
        "endpoints": "The TCP ports of a worker, by name. The job finds them in "
        "TYGER_<NAME>_WORKER_ENDPOINT_ADDRESSES.",
    },
    Buffers: {
        "inputs": "Buffers that the job reads, each once and from front to back.",
        "outputs": "Buffers that the job writes, each once and from front to back.",
    },
    Socket: {
        "port": "The TCP port on which the job listens.",
        "inputBuffer": "The input whose bytes are sent to the port. Without one, nothing is sent.",
        "outputBuffer": "The output that takes what the port sends. Without one, that is thrown away.",
    },
    Resources: {
        "requests": "What the cluster reserves for the container.",
        "limits": "What the container may not exceed.",
        "gpu": "Number of GPUs.",
        "shm": "Size of /dev/shm (64Mi without it).",
    },
    ComputeResources: {
        "cpu": "CPU cores: 500m is half of one, 2 is two.",
        "memory": "Bytes of memory: 512Mi, 4Gi.",
    },
    RunFile: {
        "job": "What runs: its end is the run's.",
        "worker": "What serves the job while it runs.",
        "cluster": "The cluster to run on. Ignored here.",
        "timeoutSeconds": "Seconds after which the run is given up (default: 43200, which is 12 hours).",
        "tags": "Tags of the run.",
        "bufferAccessTtl": "Accepted and ignored: how long access to buffers in the cloud holds, D.HH:MM.",
        "id": "Accepted and ignored, so that what 'run show' prints can be run again.",
        "kind": "Accepted and ignored; system runs cannot be created.",
        "status": "Accepted and ignored, like 'id'.",
        "statusReason": "Accepted and ignored, like 'id'.",
        "runningCount": "Accepted and ignored, like 'id'.",
        "createdAt": "Accepted and ignored, like 'id'.",
        "startedAt": "Accepted and ignored, like 'id'.",
        "finishedAt": "Accepted and ignored, like 'id'.",
        "eTag": "Accepted and ignored, like 'id'.",
    },
    RunTarget: {
        "codespec": "The codespec: its name for the latest version, NAME/versions/N for a certain one, or "
        "the codespec itself. In one that is written here, texts that look like numbers need quotes.",
        "buffers": "What each buffer of the job is connected to: a path (it counts from this file's folder), "
        "the id of a buffer in the store, or '-' for standard input or output. Workers have no buffers.",
        "tags": "Tags of the buffers that the run makes.",
        "bufferTtl": "How long the buffers that the run makes are kept: D.HH:MM or D.HH:MM:SS; for ever if "
        "it is left out.",
        "nodePool": "The cluster's nodes to run on. Ignored here.",
        "replicas": "How many identical containers (default: 1).",
    },
}
"""By model, and by the name that the field has in documents."""
