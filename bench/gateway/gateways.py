"""The candidates: how each is configured and started.

All do the same job: terminate HTTP/1.1 from clients, put the provider's key in place of the
client's, and forward to one upstream over kept-alive connections, one thread of work.
"""
import http.client
import os
import shutil
import ssl
import subprocess

import children
from children import Broken

NAMES = ["sluice", "translated", "nginx", "nginx-log", "haproxy", "direct"]
DEFAULT = ["sluice", "nginx", "nginx-log", "haproxy"]

SLUICE = """\
listen: {{address: "127.0.0.1:{port}", workers: 1{sluice_tls}}}
admin: {{address: "127.0.0.1:{admin_port}"}}
telemetry: {{access_log: {{path: "{folder}/access.log"}}}}
providers: [{{name: up, dialect: {dialect}, base_url: "http://127.0.0.1:{upstream_port}/v1", \
api_key: "sk-upstream"}}]
models: [{{name: "*", targets: [{{provider: up}}]}}]
limits: {{upstream_idle_connections: 1024}}
"""

# Bodies of 100 KB stay in memory, and neither side ever closes a kept-alive connection.
NGINX = """\
daemon off;
user root;
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
events {{ worker_connections {nginx_connections}; }}
http {{
    log_format line escape=json '{{"time":"$time_iso8601","client":"$remote_addr",'
        '"request":"$request","status":$status,"bytes":$body_bytes_sent,"took":$request_time,'
        '"upstream":"$upstream_addr","upstream_took":"$upstream_response_time",'
        '"agent":"$http_user_agent"}}';
    access_log {access_log};
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_body_buffer_size 256k;
    client_max_body_size 64m;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    tcp_nodelay on;
    upstream up {{
        server 127.0.0.1:{upstream_port};
        keepalive 1024;
        keepalive_requests 1000000000;
        keepalive_timeout 600s;
    }}
    server {{
        listen 127.0.0.1:{port}{nginx_tls} backlog=4096;
        {nginx_certificate}
        listen 127.0.0.1:{h2_port}{nginx_tls} http2 backlog=4096;
        http2_max_concurrent_streams 128;
        location / {{
            proxy_pass http://up;
            proxy_http_version 1.1;
            proxy_buffering off;
            proxy_set_header Connection "";
            proxy_set_header Authorization "Bearer sk-upstream";
        }}
    }}
}}
"""

# Without http-no-delay haproxy holds the pieces of a stream back for up to 200 ms.
HAPROXY = """\
global
    maxconn {haproxy_connections}
    nbthread 1
defaults
    mode http
    option http-no-delay
    timeout connect 5s
    timeout client 600s
    timeout server 600s
    timeout http-keep-alive 600s
frontend in
    bind 127.0.0.1:{port} backlog 4096{haproxy_tls}
    bind 127.0.0.1:{h2_port} {haproxy_h2} backlog 4096{haproxy_tls}
    default_backend up
backend up
    http-reuse always
    http-request set-header Authorization "Bearer sk-upstream"
    server up1 127.0.0.1:{upstream_port}
"""


class Gateway:
    """A started candidate. `pids` are the processes that do the work; none for direct. HTTP/2
    without TLS has a port of its own where the candidate can't tell it from HTTP/1.1."""

    def __init__(self, name, port, h2_port=None, child=None, log=None):
        self.name, self.port, self.h2_port, self.child, self.log = name, port, h2_port, child, log
        self.pids = []

    def has_died(self):
        return self.child is not None and self.child.poll() is not None

    def stop(self):
        if self.child:
            children.stop(self.child)


def _tls_parts(pem):
    """What the templates say where clients are to speak TLS with the certificate in `pem`."""
    if not pem:
        none = ["sluice_tls", "nginx_tls", "nginx_certificate", "haproxy_tls"]
        return dict.fromkeys(none, "") | {"haproxy_h2": "proto h2"}
    return {"sluice_tls": f', tls: {{certificates: [{{certificate: "{pem}", key: "{pem}"}}]}}',
            "nginx_tls": " ssl",
            "nginx_certificate": f"ssl_certificate {pem}; ssl_certificate_key {pem};"
                                 " ssl_protocols TLSv1.2 TLSv1.3;",
            "haproxy_tls": f" ssl crt {pem}", "haproxy_h2": "alpn h2"}


def _fill(template, name, folder, ports, upstream_port, files, pem):
    connections = min(files, 24000)
    log = f"{folder}/access.log line buffer=64k flush=1s" if name == "nginx-log" else "off"
    return template.format(port=ports[0], h2_port=ports[1], admin_port=children.free_port(),
                           folder=folder, upstream_port=upstream_port, files=files,
                           access_log=log,
                           dialect="anthropic" if name == "translated" else "openai",
                           nginx_connections=connections - 100,
                           haproxy_connections=(connections - 200) // 2, **_tls_parts(pem))


def _command(name, folder, fill, settings):
    if name in ("sluice", "translated"):
        text, file, argv = SLUICE, "sluice.yaml", [settings.sluice, "serve", "-c"]
    elif name == "haproxy":
        text, file, argv = HAPROXY, "haproxy.cfg", ["haproxy", "-db", "-f"]
    else:
        text, file, argv = NGINX, "nginx.conf", ["nginx", "-p", folder, "-c"]
    path = os.path.join(folder, file)
    with open(path, "w") as f:
        f.write(fill(text))
    return argv + [path]


def start(name, folder, upstream_port, settings, pem=None):
    """Starts a candidate in an empty folder and returns it once it forwards a request; with `pem`,
    the file of a certificate and its key, it speaks TLS to its clients."""
    if name == "direct":
        return Gateway(name, upstream_port)
    port = children.free_port()
    h2_port = port if name in ("sluice", "translated") else children.free_port()
    log = os.path.join(folder, "output.log")
    argv = _command(name, folder, lambda text: _fill(text, name, folder, (port, h2_port),
                                                     upstream_port, settings.files, pem), settings)
    with open(log, "w") as output:
        child = children.start(argv, children.GATEWAY_CORE, cwd=folder, stdout=output,
                               stderr=subprocess.STDOUT)
    gateway = Gateway(name, port, h2_port, child, log)
    children.wait_for_port(child, port, log)
    _try_once(gateway, pem)
    gateway.pids = children.children_of(child.pid) if name.startswith("nginx") else [child.pid]
    return gateway


def _connect(port, is_tls):
    if not is_tls:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    # Nobody vouches for the certificate of a bench.
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=5,
                                       context=ssl._create_unverified_context())


def _try_once(gateway, pem):
    connection = _connect(gateway.port, pem)
    body = '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hello"}]}'
    try:
        connection.request("POST", "/v1/chat/completions", body,
                           {"Content-Type": "application/json", "Authorization": "Bearer sk-x"})
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Broken(f"{gateway.name} failed its first request: {error}\n"
                     + children.tail(gateway.log)) from error
    finally:
        connection.close()
    if answer.status != 200 or b'"chat.completion"' not in text:
        raise Broken(f"{gateway.name} answered its first request with {answer.status}: "
                     f"{text[:300]!r}\n" + children.tail(gateway.log))


def check_installed(names, sluice):
    """Complains about every candidate that can't be started."""
    missing = []
    if {"sluice", "translated"} & set(names) and not os.access(sluice, os.X_OK):
        missing.append(f"{sluice} is not built: run `cmake --preset release && cmake --build "
                       "--preset release`, or leave sluice out with --only")
    for program in ("nginx", "haproxy"):
        if any(n.startswith(program) for n in names) and not shutil.which(program):
            missing.append(f"{program} is not installed: apt-get install {program}, or leave it "
                           "out with --only")
    if missing:
        raise Broken("\n".join(missing))
