"""Spreads the repetitions of an MRI scan over workers, and gathers their images in order.

Each repetition goes to whichever worker is idle, as an MRD stream of its own over a connection of its
own (see worker.py). So a worker keeps nothing of the job, and any failure is mended in one way: the
repetition is sent again, to the worker that is idle then. That may be the same one after its restart.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import mrd
from mrd.tools.stream_recon import acquisition_reader

Item = TypeVar("Item")

CONNECT_S = 10
SILENCE_S = 300
"""How long a worker may compute without sending anything; then it is taken for dead."""

RETRY_FOR_S = 120
"""How long a repetition is sent again before the job fails. The cluster may take a while to start
a worker again: 10 s after its first end, then 20 s, 40 s and so on up to 5 minutes."""

REST_S = 0.5
"""How long a worker that has failed is left alone."""


class NoWorkerError(Exception):
    """A repetition was not reconstructed, however often it was sent."""


class Workers:
    """Gives each worker one request at a time.

    Args:
        addresses: ``host:port`` of each.
    """

    def __init__(self, addresses: Iterable[str]) -> None:
        self._idle: queue.SimpleQueue[str] = queue.SimpleQueue()
        for address in addresses:
            self._idle.put(address)
        self._count = self._idle.qsize()
        self._has_given_up = False

    def map(self, requests: Iterable[bytes]) -> Iterator[mrd.Image]:
        """Yield the images of all requests, in the requests' order, as soon as they are there.

        About two requests a worker are under way, so a scan of any length needs the same memory.

        Raises:
            NoWorkerError: One of them failed for too long.
        """
        pool = ThreadPoolExecutor(self._count)
        under_way = (pool.submit(self._reconstruct, *item) for item in enumerate(requests))
        try:
            for future in ahead(under_way, 2 * self._count):
                yield from future.result()
        finally:
            self._has_given_up = True  # when one has failed, none of the others needs to go on
            pool.shutdown(cancel_futures=True)

    def _reconstruct(self, number: int, request: bytes) -> list[mrd.Image]:
        """Have one request answered by any worker.

        The job starts when the workers run, which does not mean that they listen already: their
        first connections may be refused, and that is mended like everything else.
        """
        give_up_at = time.monotonic() + RETRY_FOR_S
        while True:
            address = self._idle.get()
            started = time.monotonic()
            try:
                images = ask(address, request)
            except OSError as error:
                threading.Timer(REST_S, self._idle.put, (address,)).start()
                if self._has_given_up or time.monotonic() > give_up_at:
                    raise NoWorkerError(
                        f"no worker has reconstructed repetition {number} within {RETRY_FOR_S} s; "
                        f"the last attempt: {name(address)}: {error}"
                    ) from error
                log(f"repetition {number}: {name(address)}: {error}; trying again")
            else:
                self._idle.put(address)
                log(f"repetition {number}: {name(address)}, {time.monotonic() - started:.2f} s")
                return images


def ahead(items: Iterable[Item], most: int) -> Iterator[Item]:
    """Yield `items`, taken in a thread of its own and at most so many ahead.

    So nobody waits for what is still to come before what is there goes on its way.
    """
    taken: queue.Queue[Item | Exception | None] = queue.Queue(most)

    def take() -> None:
        try:
            for item in items:
                taken.put(item)
            taken.put(None)
        except Exception as error:  # noqa: BLE001  (whatever it is, it is raised below)
            taken.put(error)

    threading.Thread(target=take, daemon=True).start()
    while (item := taken.get()) is not None:
        if isinstance(item, Exception):
            raise item
        yield item


def ask(address: str, request: bytes) -> list[mrd.Image]:
    """Send a request to a worker and return its answer.

    Raises:
        OSError: It does not listen (yet), its name is not known (any more), it has gone silent, or it
            ended before its answer was complete.
    """
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=CONNECT_S) as connection:
        connection.settimeout(SILENCE_S)
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)  # the request's end; the answer still comes
        with connection.makefile("rb") as source:
            answer = io.BytesIO(source.read())
    try:
        with mrd.BinaryMrdReader(answer) as reader:
            reader.read_header()
            return [item.value for item in reader.read_data()]
    except (EOFError, BufferError) as error:  # what this reader says of a stream without its end
        # The kernel closes a dead program's connections as if it had finished with them.
        raise ConnectionError("it hung up before its answer was complete") from error


def as_requests(head: mrd.Header, scan: Iterable[mrd.Acquisition]) -> Iterator[bytes]:
    """Cut a scan into an MRD stream for each repetition."""
    for _, acquisitions in itertools.groupby(scan, key=lambda one: one.head.idx.repetition):
        request = io.BytesIO()
        with mrd.BinaryMrdWriter(request) as writer:
            writer.write_header(head)
            writer.write_data(mrd.StreamItem.Acquisition(one) for one in acquisitions)
        yield request.getvalue()


def numbered(images: Iterable[mrd.Image]) -> Iterator[mrd.StreamItem]:
    """Number the images of all workers, each of which began at 0."""
    for index, image in enumerate(images):
        image.head.image_index = index
        yield mrd.StreamItem.ImageFloat(image)


def name(address: str) -> str:
    """Return the part of an address by which people tell workers apart, such as run-7-worker-0."""
    return address.partition(".")[0]


def log(text: str) -> None:
    """Say something on stderr; stdout would do as well, data goes through the pipes."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Reconstruct what comes through the input's pipe into the output's."""
    addresses = json.loads(os.environ["TYGER_RECON_WORKER_ENDPOINT_ADDRESSES"])
    log(f"workers: {', '.join(addresses)}")
    # The input is left open: when we give up, a thread may be reading it, and closing waits for that.
    reader = mrd.BinaryMrdReader(os.environ["INPUT_PIPE"])
    head = reader.read_header()
    requests = as_requests(head, acquisition_reader(reader.read_data()))
    with mrd.BinaryMrdWriter(os.environ["OUTPUT_PIPE"]) as writer:
        writer.write_header(head)
        writer.write_data(numbered(Workers(addresses).map(requests)))


if __name__ == "__main__":
    try:
        main()
    except NoWorkerError as problem:
        sys.exit(f"Error: {problem}")
