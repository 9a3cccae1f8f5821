//! What the contestants and the origin are configured to do: the same work in each program's own words.

/// For haproxy and lbx: logs, `X-Forwarded-For` and three ACLs. Two threads, as many as nginx has processes.
pub(super) const HAPROXY: &str = "
global
    nbthread 2
    maxconn 8000
    log 127.0.0.1:{log} local0
defaults
    mode http
    log global
    option httplog
    option forwardfor
    timeout connect 5s
    timeout client 60s
    timeout server 30s
frontend web
    bind 127.0.0.1:{web}
    bind 127.0.0.1:{tls} ssl crt {dir}/site.pem alpn h2,http/1.1
    acl api path_beg /api /v1
    acl inside src 10.0.0.0/8 192.168.0.0/16
    acl blog hdr(host) -i blog.example.com www.example.com
    http-request deny if inside
    use_backend other if api
    use_backend other if blog
    default_backend origin
frontend reuse
    bind 127.0.0.1:{reuse}
    acl api path_beg /api /v1
    acl inside src 10.0.0.0/8 192.168.0.0/16
    acl blog hdr(host) -i blog.example.com www.example.com
    http-request deny if inside
    use_backend other if api
    use_backend other if blog
    default_backend shared
backend origin
    server origin {origin}
backend shared
    http-reuse always
    server origin {origin}
backend other
    server origin {origin}
";

/// The same, as near as it comes. Its connections to servers are always shared.
pub(super) const NGINX: &str = "
daemon off;
worker_processes 2;
pid {dir}/pid;
events { worker_connections 8000; }
http {
    access_log syslog:server=127.0.0.1:{log},facility=local0 combined;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    upstream origin { server {origin}; keepalive 64; }
    geo $inside { default 0; 10.0.0.0/8 1; 192.168.0.0/16 1; }
    proxy_http_version 1.1;
    proxy_set_header Connection \"\";
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    server {
        listen 127.0.0.1:{web};
        listen 127.0.0.1:{reuse};
        listen 127.0.0.1:{tls} ssl http2;
        ssl_certificate {dir}/site.pem;
        ssl_certificate_key {dir}/site.pem;
        keepalive_requests 100000000;
        if ($inside) { return 403; }
        location /api { proxy_pass http://origin; }
        location /v1 { proxy_pass http://origin; }
        location / { proxy_pass http://origin; }
    }
    server {
        listen 127.0.0.1:{web};
        server_name blog.example.com www.example.com;
        location / { proxy_pass http://origin; }
    }
}
";

/// Serves files whose names are their sizes, and takes what is posted.
pub(super) const ORIGIN: &str = "
daemon off;
worker_processes 1;
pid {dir}/pid;
events { worker_connections 8000; }
http {
    access_log off;
    sendfile on;
    keepalive_requests 100000000;
    server {
        listen 127.0.0.1:{web};
        root {dir};
        client_body_temp_path {dir}/body;
        location /post { return 200 \"ok\"; }
    }
}
";

/// Posts of 16 KB, for wrk.
pub(super) const POST: &str = "
wrk.method = 'POST'
wrk.body = string.rep('x', 16384)
";
