"""wire: HTTP/1.1 over raw sockets, either side, with exact control of the bytes.

A Conn sends what it is told, whatever that is; reading is strict, so that a malformed or cut
message is an error and never passes for a whole one.
"""
import asyncio
import contextlib
import socket
import struct


class Cut(Exception):
    """The peer ended the connection inside a message."""


class Malformed(Exception):
    """The peer sent what is no HTTP."""


class Message:
    def __init__(self, line, fields):
        self.line = line
        self.fields = fields  # [(name, value)], bytes, names in lower case
        self.body = b""

    def all(self, name):
        return [value for key, value in self.fields if key == name]

    def get(self, name):
        values = self.all(name)
        return values[0] if values else None

    @property
    def status(self):
        return int(self.line.split(b" ")[1])

    @property
    def is_last(self):
        return b"close" in (self.get(b"connection") or b"").lower()


class Conn:
    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer
        self.sent = 0

    @property
    def socket(self):
        return self.writer.get_extra_info("socket")

    async def send(self, *pieces):
        data = b"".join(pieces)
        self.writer.write(data)
        await self.writer.drain()
        self.sent += len(data)

    async def drip(self, data, gap_s, size=1):
        for at in range(0, len(data), size):
            await self.send(data[at:at + size])
            await asyncio.sleep(gap_s)

    def finish(self):
        """Half-closes: sends FIN, goes on reading."""
        with contextlib.suppress(OSError):
            self.writer.write_eof()

    def close(self):
        self.writer.close()

    def reset(self):
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def ended(self, timeout_s=10):
        """Waits for the peer's end: "eof" or "reset"; what comes before is dropped."""
        async with asyncio.timeout(timeout_s):
            try:
                while await self.reader.read(65536):
                    pass
                return "eof"
            except ConnectionError:
                return "reset"

    async def rest(self, timeout_s=10):
        """Everything up to the peer's end."""
        async with asyncio.timeout(timeout_s):
            try:
                return await self.reader.read(-1)
            except ConnectionError as e:
                raise Cut("reset") from e

    async def exactly(self, count):
        try:
            return await self.reader.readexactly(count)
        except asyncio.IncompleteReadError as e:
            raise Cut(f"{len(e.partial)} of {count} bytes") from e
        except ConnectionError as e:
            raise Cut("reset") from e

    async def line(self):
        try:
            line = await self.reader.readuntil(b"\r\n")
        except asyncio.IncompleteReadError as e:
            raise Cut(f"inside a line: {e.partial[:80]!r}") from e
        except ConnectionError as e:
            raise Cut("reset") from e
        return line[:-2]

    async def head(self):
        """None where the peer ended before the first byte."""
        try:
            first = await self.reader.read(1)
        except ConnectionError as e:
            raise Cut("reset") from e
        if not first:
            return None
        line = first + await self.line()
        fields = []
        while text := await self.line():
            name, colon, value = text.partition(b":")
            if not colon:
                raise Malformed(f"field {text!r}")
            fields.append((name.lower(), value.strip()))
        return Message(line, fields)

    async def pieces(self, message, has_body=True):
        """The body, piece by piece."""
        length = message.get(b"content-length")
        if not has_body:
            return
        if message.get(b"transfer-encoding"):
            if length is not None:
                raise Malformed("both framings")
            async for piece in self.chunks():
                yield piece
        elif length is not None:
            left = int(length)
            while left:
                piece = await self.some(min(left, 65536))
                left -= len(piece)
                yield piece
        elif message.line.startswith(b"HTTP/"):
            while piece := await self.some(65536, may_end=True):
                yield piece

    async def some(self, size, may_end=False):
        try:
            piece = await self.reader.read(size)
        except ConnectionError as e:
            raise Cut("reset") from e
        if not piece and not may_end:
            raise Cut("inside a body")
        return piece

    async def chunks(self):
        while size := int(await self.line(), 16):
            while size:
                piece = await self.some(min(size, 65536))
                size -= len(piece)
                yield piece
            if await self.exactly(2) != b"\r\n":
                raise Malformed("chunk end")
        while await self.line():
            pass

    async def message(self, has_body=True):
        message = await self.head()
        if message is None:
            return None
        body = bytearray()
        async for piece in self.pieces(message, has_body):
            body += piece
        message.body = bytes(body)
        return message

    async def request(self, timeout_s=30):
        async with asyncio.timeout(timeout_s):
            return await self.message()

    async def answer(self, method="GET", timeout_s=30):
        """The next final answer; raises Cut where the connection ends instead."""
        async with asyncio.timeout(timeout_s):
            while True:
                message = await self.head()
                if message is None:
                    raise Cut("before an answer")
                if message.status >= 200:
                    break
            has_body = method != "HEAD" and message.status not in (204, 304)
            body = bytearray()
            async for piece in self.pieces(message, has_body):
                body += piece
            message.body = bytes(body)
            return message


class Upstream:
    """A server that runs `serve(upstream, conn)` for each connection."""

    def __init__(self, serve, rcvbuf=None):
        self.serve = serve
        self.rcvbuf = rcvbuf
        self.conns = []
        self.requests = []
        self.errors = []
        self.tasks = set()

    async def start(self):
        listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.rcvbuf:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.rcvbuf)
        self.server = await asyncio.start_server(self._accept, sock=listener)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def _accept(self, reader, writer):
        conn = Conn(reader, writer)
        self.conns.append(conn)
        self.tasks.add(asyncio.current_task())
        try:
            await self.serve(self, conn)
        except (Cut, ConnectionError):
            pass
        except asyncio.CancelledError:
            pass
        except Exception as e:  # shown by the test that ran it
            self.errors.append(e)
        finally:
            self.tasks.discard(asyncio.current_task())
            writer.close()

    async def stop(self):
        self.server.close()
        for task in list(self.tasks):
            task.cancel()
        for conn in self.conns:
            conn.close()
        await asyncio.sleep(0)


def quietly(task):
    """Ends a task whose outcome no longer matters."""
    task.cancel()
    task.add_done_callback(lambda t: t.cancelled() or t.exception())


async def connect(port, host="127.0.0.1", rcvbuf=None, source=None, limit=65536):
    s = socket.socket()
    s.setblocking(False)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if rcvbuf:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    if source:
        s.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        s.bind((source, 0))
    try:
        await asyncio.get_running_loop().sock_connect(s, (host, port))
    except BaseException:
        s.close()
        raise
    return Conn(*await asyncio.open_connection(sock=s, limit=limit))
