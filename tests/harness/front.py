"""What stands before a companion where it is used: a reverse proxy that speaks TLS."""

import asyncio
import socket
import threading

from .authenticators import Certified


class Front:
    """Passes octets on from a port of 127.0.0.1 to a Unix socket, which may come later.

    `url` is known at once, so that a configuration can name it.
    """

    def __init__(self, directory):
        self.certified = Certified(directory)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self.listener.getsockname()[1]}"
        self.before = None
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)

    async def _pass(self, reader, writer):
        try:
            while octets := await reader.read(65536):
                writer.write(octets)
                await writer.drain()
        except OSError:  # one side went away
            pass
        finally:
            writer.close()

    async def _on_connection(self, reader, writer):
        try:
            inner = await asyncio.open_unix_connection(str(self.before))
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pass(reader, inner[1]), self._pass(inner[0], writer))

    async def _serve(self):
        self.ended = asyncio.Event()
        server = await asyncio.start_server(self._on_connection, sock=self.listener,
                                            ssl=self.certified.context())
        self.ready.set()
        await self.ended.wait()
        server.close()

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._serve())
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def start(self, before):
        """`before`: the socket of what it stands before."""
        self.before = before
        self.ready = threading.Event()
        self.thread.start()
        self.ready.wait()
        return self

    def stop(self):
        if self.thread.is_alive():
            self.loop.call_soon_threadsafe(self.ended.set)
            self.thread.join()
