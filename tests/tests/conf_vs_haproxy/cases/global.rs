//! Configurations of `global` sections.

use super::{differs, same};
use crate::Row;

/// All of them.
pub(crate) static ROWS: &[Row] = &[
    same(
        "global: maxconn",
        "global\n    maxconn 1000\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    differs(
        "global: maxconn is no number",
        "Numbers",
        "global\n    maxconn many\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: maxconn without a number",
        "global\n    maxconn\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: nbthread",
        "global\n    nbthread 2\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: nbthread of zero",
        "global\n    nbthread 0\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    differs(
        "global: too many threads",
        "Threads",
        "global\n    nbthread 100\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: user and group",
        "global\n    user root\n    group root\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: user twice",
        "global\n    user nobody\n    user nobody\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: maxconn twice",
        "global\n    maxconn 55\n    maxconn 66\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: maxconn, the first for nothing twice",
        "global\n    maxconn 0\n    maxconn 66\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: pidfile twice",
        "global\n    pidfile /tmp/a\n    pidfile /tmp/b\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: chroot twice",
        "global\n    chroot /tmp\n    chroot /var\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: ulimit-n twice",
        "global\n    ulimit-n 5000\n    ulimit-n 6000\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: log-send-hostname twice",
        "global\n    log-send-hostname a\n    log-send-hostname b\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: server-state-file twice",
        "global\n    server-state-file a\n    server-state-file b\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: server-state-base twice",
        "global\n    server-state-base /tmp\n    server-state-base /var\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: ca-base twice",
        "global\n    ca-base /tmp\n    ca-base /var\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: crt-base twice",
        "global\n    crt-base /tmp\n    crt-base /var\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: no such user",
        "global\n    user no_such_user_here\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: uid and gid",
        "global\n    uid 1000\n    gid 1000\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: log",
        "global\n    log 127.0.0.1 local0 notice\n    log /dev/log daemon\n    log stdout format raw local1 info err\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: log without a facility",
        "global\n    log 127.0.0.1\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: log with an unknown facility",
        "global\n    log 127.0.0.1 local9\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: log with an unknown level",
        "global\n    log 127.0.0.1 local0 loud\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: log with an unknown format",
        "global\n    log 127.0.0.1 format loud local0\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: stats socket",
        "global\n    stats socket /tmp/conf_vs_haproxy.sock mode 660 level admin\n    stats timeout 30s\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: stats socket of an unknown level",
        "global\n    stats socket /tmp/conf_vs_haproxy.sock level king\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: stats of an unknown kind",
        "global\n    stats nonsense\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: pidfile, chroot, daemon",
        "global\n    daemon\n    pidfile /tmp/x.pid\n    chroot /var/empty\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: node and description",
        "global\n    node lb1\n    description one of two\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: hard-stop-after",
        "global\n    hard-stop-after 30s\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: hard-stop-after is no time",
        "global\n    hard-stop-after soon\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: spread-checks",
        "global\n    spread-checks 5\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: spread-checks too large",
        "global\n    spread-checks 60\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: setenv",
        "global\n    setenv A b\n    presetenv A c\n    unsetenv A\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: setenv without a value",
        "global\n    setenv A\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: dh parameters",
        "global\n    tune.ssl.default-dh-param 2048\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: dh parameters too small",
        "global\n    tune.ssl.default-dh-param 512\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "global: an unknown word",
        "global\n    nonsense\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "stats: a page",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nlisten l\n    bind :18080\n    stats enable\n    stats uri /x\n    stats realm a\\ b\n    stats auth u:p\n    stats refresh 5s\n    stats hide-version\n    stats show-node\n    stats show-legends\n",
    ),
    same(
        "stats: in TCP mode",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nlisten l\n    bind :18080\n    stats enable\n    server s 127.0.0.1:80\n",
    ),
    same(
        "stats: an unknown word",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nlisten l\n    bind :18080\n    stats nonsense\n",
    ),
];
