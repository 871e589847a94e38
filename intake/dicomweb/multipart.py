"""multipart/related (RFC 2387) as it arrives, part by part, a little of it in memory at a time."""

import re
from collections.abc import Iterator
from email.message import Message

_MAX_HEADERS = 16 * 1024
_MAX_PREAMBLE = 16 * 1024
_BOUNDARY = re.compile(r"[ -~]{0,69}[!-~]")  # RFC 2046 5.1.1


class BadMultipart(ValueError):  # noqa: N818
    """The body is not what its Content-Type says, or it was cut off."""


def parameters(content_type: str) -> tuple[str, dict[str, str]]:
    """Media type and parameters of a header field, in small letters but for the values."""
    message = Message()
    message["Content-Type"] = content_type
    try:
        pairs = message.get_params([], unquote=True) or []
    except (ValueError, TypeError, UnicodeError):
        pairs = []
    return message.get_content_type(), {str(key).lower(): str(value) for key, value in pairs[1:]}


class Parts:
    """Iterates over (headers, chunks): header fields by their names in small letters, and the part's bytes, which are
    gone once the next part is asked for. Raises BadMultipart."""

    def __init__(self, body: Iterator[bytes], boundary: str) -> None:
        if not _BOUNDARY.fullmatch(boundary):
            raise BadMultipart("no usable boundary")
        self._body = body
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        self._buffer = bytearray(b"\r\n")  # so that the first delimiter is like the others

    def __iter__(self) -> Iterator[tuple[dict[str, str], Iterator[bytes]]]:
        self._skip_preamble()
        while not self._at_end():
            headers = self._headers()
            chunks = self._until_delimiter()
            yield headers, chunks
            for _chunk in chunks:  # what nobody wanted
                pass

    def _more(self) -> None:
        data = next(self._body, b"")
        if not data:
            raise BadMultipart("the body ends early")
        self._buffer += data

    def _until_delimiter(self) -> Iterator[bytes]:
        while (at := self._buffer.find(self._delimiter)) < 0:
            # The delimiter may begin in what is kept.
            if (sure := len(self._buffer) - len(self._delimiter) + 1) > 0:
                yield bytes(memoryview(self._buffer)[:sure])
                del self._buffer[:sure]
            self._more()
        if at:
            yield bytes(memoryview(self._buffer)[:at])
        del self._buffer[: at + len(self._delimiter)]

    def _skip_preamble(self) -> None:
        if sum(map(len, self._limited(self._until_delimiter()))) > _MAX_PREAMBLE:
            raise BadMultipart("no such boundary")

    @staticmethod
    def _limited(chunks: Iterator[bytes]) -> Iterator[bytes]:
        passed = 0
        for chunk in chunks:
            passed += len(chunk)
            yield chunk
            if passed > _MAX_PREAMBLE:
                return

    def _at_end(self) -> bool:
        """Whether the delimiter just passed was the last one. Raises BadMultipart for what can't follow one."""
        while len(self._buffer) < 2:
            self._more()
        return self._buffer.startswith(b"--")

    def _headers(self) -> dict[str, str]:
        # The delimiter's own line, with white space at most, ends where the header begins.
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _MAX_HEADERS:
                raise BadMultipart("endless header")
            self._more()
        first, *lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        # The line break before the data may be the beginning of a delimiter, where there are no data at all.
        del self._buffer[: end + 2]
        if first.strip():
            raise BadMultipart("no line of its own for the boundary")
        self._drop_line_break()
        fields = (line.partition(":") for line in lines)
        return {name.strip().lower(): value.strip() for name, _colon, value in fields}

    def _drop_line_break(self) -> None:
        while len(self._buffer) < len(self._delimiter):
            self._more()
        if not self._buffer.startswith(self._delimiter):
            del self._buffer[:2]
