"""Detect test functions that depend on the clock or on other machines."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from testsmith.languages.python.judge.smells.test_function import Body, TestFunction

_SLEEPS = frozenset(
    {"anyio.sleep", "asyncio.sleep", "eventlet.sleep", "gevent.sleep", "time.sleep", "trio.sleep"}
)
_CLOCKS = frozenset(
    {
        "datetime.datetime.now",
        "time.monotonic",
        "time.perf_counter",
        "time.process_time",
        "time.thread_time",
        "time.time",
        "timeit.default_timer",
    }
)
_NEVER_SET = frozenset({"threading.Condition", "threading.Event"})
_VERBS = ("delete", "get", "head", "options", "patch", "post", "put", "request", "stream")
_REQUESTS = frozenset(
    {
        *(f"{library}.{verb}" for library in ("httpx", "requests", "urllib3") for verb in _VERBS),
        "aiohttp.ClientSession",
        "aiohttp.request",
        "asyncio.open_connection",
        "asyncio.start_server",
        "ftplib.FTP",
        "ftplib.FTP_TLS",
        "http.client.HTTPConnection",
        "http.client.HTTPSConnection",
        "http.server.HTTPServer",
        "http.server.ThreadingHTTPServer",
        "imaplib.IMAP4",
        "imaplib.IMAP4_SSL",
        "paramiko.SSHClient",
        "poplib.POP3",
        "poplib.POP3_SSL",
        "smtplib.SMTP",
        "smtplib.SMTP_SSL",
        "socket.create_connection",
        "socket.create_server",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "socketserver.TCPServer",
        "socketserver.UDPServer",
        "telnetlib.Telnet",
        "urllib.request.urlopen",
        "urllib.request.urlretrieve",
        "urllib3.PoolManager",
        "websocket.create_connection",
        "websockets.connect",
        "xmlrpc.client.ServerProxy",
    }
)
_CLIENTS = frozenset({"httpx.AsyncClient", "httpx.Client", "requests.Session", "requests.session"})


def sleeps(function: TestFunction) -> Iterator[ast.AST]:
    """Yield what sleeps, waits for an event that is never set, or polls the clock."""
    for origin, call, body in function.all_calls():
        if (origin in _SLEEPS and not _is_zero(call)) or _waits_in_vain(function, call, body):
            yield call
    loops = [node for body in function.bodies for node in body.nodes if isinstance(node, ast.While)]
    yield from (call for loop in loops for origin, call in function.calls(loop.test) if origin in _CLOCKS)


def measures_time(function: TestFunction) -> Iterator[ast.AST]:
    """Yield the durations that it asserts, unless a helper of the project's tests does."""
    for body in filter(function.is_new, function.bodies):
        yield from (node for node in _claimed(function, body) if _is_duration(function, body, node))


def _claimed(function: TestFunction, body: Body) -> Iterator[ast.AST]:
    """Yield the nodes of what a body asserts, with those of the variables in it."""
    claims = [node for one in body.nodes for claim in function.claimed(one) for node in ast.walk(claim)]
    names = {node.id for node in claims if isinstance(node, ast.Name)}
    yield from claims
    yield from (node for name in names for value in body.bindings.get(name, ()) for node in ast.walk(value))


def _is_duration(function: TestFunction, body: Body, node: ast.AST) -> bool:
    """Return whether a node is the difference of two times that were read from a clock."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Sub):
        return False
    sides = ([side, *body.bindings.get(getattr(side, "id", ""), ())] for side in (node.left, node.right))
    return all(any(_reads_clock(function, value) for value in values) for values in sides)


def _reads_clock(function: TestFunction, node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and function.origin(node.func) in _CLOCKS


def _is_zero(call: ast.Call) -> bool:
    return bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0


def _waits_in_vain(function: TestFunction, call: ast.Call, body: Body) -> bool:
    """Return whether a call waits for an event that nothing else can set: `Event().wait(1)`."""
    if not call.args and not call.keywords:
        return False
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Call(func=made), attr="wait")):
            return function.origin(made) in _NEVER_SET
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="wait")):
            events = [value.func for value in body.bindings.get(name, []) if isinstance(value, ast.Call)]
            if not any(function.origin(made) in _NEVER_SET for made in events):
                return False
            reads = [
                node
                for node in body.nodes
                if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
            ]
            return len(reads) == 1
    return False


def uses_the_network(function: TestFunction) -> Iterator[ast.AST]:
    """Yield the calls that communicate with other machines. Local sockets are allowed."""
    for origin, call, body in function.all_calls():
        is_request = origin in _REQUESTS or _is_network_socket(origin, call)
        if is_request or _is_client_call(function, call, body):
            yield call


def _is_network_socket(origin: str, call: ast.Call) -> bool:
    family = (
        call.args[0] if call.args else next((one.value for one in call.keywords if one.arg == "family"), None)
    )
    return origin == "socket.socket" and (family is None or not ast.unparse(family).endswith("AF_UNIX"))


def _is_client_call(function: TestFunction, call: ast.Call, body: Body) -> bool:
    """Return whether a call uses a network client without a transport provided by the test."""
    match call.func:
        case ast.Attribute(value=ast.Call() as made, attr=verb):
            return verb in _VERBS and _is_client(function, made)
        case ast.Attribute(value=ast.Name(id=name), attr=verb) if verb in _VERBS:
            return any(_is_client(function, value) for value in body.bindings.get(name, []))
    return False


def _is_client(function: TestFunction, made: ast.expr) -> bool:
    return isinstance(made, ast.Call) and function.origin(made.func) in _CLIENTS and not made.keywords
