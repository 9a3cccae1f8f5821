//! Configurations of sections, proxies, listeners and servers.

use super::{differs, same};
use crate::Row;

/// All of them.
pub(crate) static ROWS: &[Row] = &[
    same(
        "lex: comments and blanks",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    # a comment\n    \n      retries 3 # another\n    server s 127.0.0.1:80\n",
    ),
    same(
        "lex: quotes",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    description \"a b\" 'c d' e\\ f\n    server s 127.0.0.1:80\n",
    ),
    same(
        "lex: unclosed double quote",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    description \"a b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "lex: unclosed single quote",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    description 'a b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "lex: wrong hexadecimal escape",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    description \\xzz\n    server s 127.0.0.1:80\n",
    ),
    same(
        "lex: hexadecimal escape",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    description \\x41\n    server s 127.0.0.1:80\n",
    ),
    same(
        "lex: a variable with a default",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s \"${NO_SUCH_VARIABLE-127.0.0.1}:80\"\n",
    ),
    same(
        "lex: a variable without a name",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    description \"$\"\n    server s 127.0.0.1:80\n",
    ),
    same(
        "lex: a variable's brace not closed",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    description \"${A\"\n    server s 127.0.0.1:80\n",
    ),
    differs(
        "lex: bytes that are not UTF-8",
        "Text",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    description \\xff\n    server s 127.0.0.1:80\n",
    ),
    differs(
        "lex: a joined line",
        "Joined lines",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    retries \\\n     3\n    server s 127.0.0.1:80\n",
    ),
    same(
        "if: taken and not taken",
        ".if defined(NO_SUCH_VARIABLE)\nnonsense\n.elif 1\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n.else\nnonsense\n.endif\n",
    ),
    same(
        "if: not closed",
        ".if 1\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "if: endif alone",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n.endif\n",
    ),
    same(
        "if: elif behind else",
        ".if 0\n.else\n.elif 1\n.endif\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "if: unknown predicate",
        ".if nonsense(x)\n.endif\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "if: wrong condition",
        ".if 1 2\n.endif\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "if: and, or, not",
        ".if !0 && (1 || 0)\n.else\nnonsense\n.endif\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "if: versions",
        ".if version_atleast(2.4) && !version_before(2.6)\n.else\nnonsense\n.endif\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "if: words behind endif",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n.if 1\n.endif x\n",
    ),
    same(
        "if: words behind else",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n.if 1\n.else x\n.endif\n",
    ),
    same(
        "if: words behind endif in a block that is left out",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n.if 0\n.if 1\n.endif x\n.endif\n",
    ),
    same(
        "message: two words",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n.notice a b\n",
    ),
    same(
        "message: two words in a block that is left out",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n.if 0\n.notice a b\n.endif\n",
    ),
    same(
        "message: none",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n.warning\n",
    ),
    same(
        "message: warning",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n.warning \"mind\"\n",
    ),
    same(
        "message: alert",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n.alert \"mind\"\n",
    ),
    same(
        "message: notice and diag",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n.notice \"mind\"\n.diag \"mind\"\n",
    ),
    same(
        "message: unknown directive",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n.nonsense\n",
    ),
    same("sections: nothing at all", ""),
    same("sections: a word before any", "mode http\n"),
    same("sections: an unknown one", "nonsense x\n"),
    same(
        "sections: global with an argument",
        "global x\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
    same(
        "sections: frontend without a name",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend\n    bind :18080\n",
    ),
    same(
        "sections: two names",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend a b\n    bind :18080\n",
    ),
    same(
        "sections: a bad name",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend a/b\n",
    ),
    same(
        "sections: two backends of one name",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend a\nbackend a\n",
    ),
    same(
        "sections: two frontends of one name",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend a\n bind :18080\nfrontend a\n bind :18081\n",
    ),
    same(
        "sections: a frontend and a backend of one name",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend a\n bind :18080\nbackend a\n",
    ),
    same(
        "sections: a listen and a backend of one name",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nlisten a\n bind :18080\nbackend a\n",
    ),
    same(
        "sections: named defaults",
        "defaults one\n timeout client 1s\n timeout server 1s\n timeout connect 1s\ndefaults two\n mode http\nbackend b from one\n server s 127.0.0.1:80\n",
    ),
    same(
        "sections: unknown defaults",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b from nonsense\n",
    ),
    same(
        "sections: defaults from defaults",
        "defaults one\n timeout connect 1s\n timeout server 1s\n timeout client 1s\ndefaults two from one\n mode http\nlisten l from two\n bind :18080\n server s 127.0.0.1:80\n",
    ),
    same(
        "sections: ambiguous defaults",
        "defaults one\n timeout connect 1s\ndefaults one\n timeout connect 2s\nbackend b from one\n",
    ),
    same(
        "sections: the last defaults count",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\ndefaults\nbackend b\n server s 127.0.0.1:80\n",
    ),
    same(
        "sections: a known word in the wrong one",
        "global\n    balance roundrobin\ndefaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n",
    ),
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
        "bind: addresses",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind :18080,127.0.0.1:18081,[::1]:18082,ipv4@:18083\n",
    ),
    same(
        "bind: a port range",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind :18080-18085\n",
    ),
    same(
        "bind: a range that runs back",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind :18085-18080\n",
    ),
    same(
        "bind: no port",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind 127.0.0.1\n",
    ),
    same(
        "bind: a port that is no number",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind :http\n",
    ),
    same(
        "bind: a port too large",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind :70000\n",
    ),
    same(
        "bind: port zero",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind :0\n",
    ),
    same(
        "bind: no address",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind\n",
    ),
    same(
        "bind: a socket",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind unix@/tmp/conf_vs_haproxy mode 600 user root\n",
    ),
    same(
        "bind: one id for several",
        "defaults\n    timeout client 1s\nfrontend f\n bind :18080-18081 id 5\n",
    ),
    same(
        "bind: name and id",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind :18080 name x id 5\n",
    ),
    same(
        "bind: two with one id",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind :18080 id 5\n bind :18081 id 5\n",
    ),
    same(
        "bind: an unknown word",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind :18080 nonsense\n",
    ),
    same(
        "bind: in defaults",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n bind :18080\n",
    ),
    same(
        "bind: in a backend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    bind :18080\n",
    ),
    same(
        "bind: a frontend without any",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n",
    ),
    same(
        "bind: options",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind :18080 maxconn 10 backlog 20 v4v6 interface lo\n",
    ),
    same(
        "bind: IPv6 with a dual wildcard",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n bind [::]:18080 v6only\n",
    ),
    same("proxy: timeouts missing in a listen", "listen l\n bind :18080\n server s 127.0.0.1:80\n"),
    same("proxy: timeouts missing in a backend without servers", "backend b\n"),
    same(
        "proxy: a tunnel timeout does for TCP",
        "backend b\n timeout connect 1s\n timeout tunnel 1s\n server s 127.0.0.1:80\n",
    ),
    same(
        "proxy: a timeout twice",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    timeout queue 1s\n    timeout queue 2s\n",
    ),
    same(
        "proxy: a timeout that defaults set",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    timeout server 5s\n",
    ),
    same(
        "proxy: an unknown timeout",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    timeout nonsense 1s\n",
    ),
    same(
        "proxy: timeout alone",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    timeout\n",
    ),
    same(
        "proxy: a time with an unknown unit",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    timeout queue 1y\n",
    ),
    same(
        "proxy: a time without a unit",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    timeout queue 100\n",
    ),
    same(
        "proxy: a time too long",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    timeout queue 100d\n",
    ),
    same(
        "proxy: a timeout of the other half",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    timeout queue 1s\n",
    ),
    same(
        "proxy: mode",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    mode http\n    server s 127.0.0.1:80\n",
    ),
    same(
        "proxy: an unknown mode",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    mode htpt\n",
    ),
    same(
        "proxy: mode health",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    mode health\n",
    ),
    same(
        "proxy: no backend of that name",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    default_backend nonsense\n",
    ),
    same(
        "proxy: HTTP to TCP",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    mode http\n    default_backend b\nbackend b\n mode tcp\n",
    ),
    same(
        "proxy: TCP to HTTP",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    mode tcp\n    default_backend b\nbackend b\n mode http\n",
    ),
    same(
        "proxy: default_backend in a backend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    default_backend c\nbackend c\n",
    ),
    same(
        "proxy: maxconn in a backend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    maxconn 10\n",
    ),
    same(
        "proxy: fullconn in a frontend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    fullconn 10\n",
    ),
    same(
        "proxy: retries",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    retries 0\n",
    ),
    differs(
        "proxy: retries is no number",
        "Numbers",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    retries x\n",
    ),
    same(
        "proxy: an argument too many",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    retries 3 4\n",
    ),
    same(
        "proxy: disabled",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    disabled\n    server s 127.0.0.1:80\n",
    ),
    same(
        "proxy: an unknown word",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    nonsense\n",
    ),
    same(
        "proxy: an unknown option",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    option nonsense\n",
    ),
    same(
        "proxy: option alone",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    option\n",
    ),
    same(
        "proxy: no before what cannot be taken back",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    no retries 3\n",
    ),
    same(
        "proxy: no option",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    no option redispatch\n    no option httpchk\n",
    ),
    same(
        "proxy: redispatch",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    option redispatch 2\n",
    ),
    same(
        "proxy: options of a TCP proxy",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nlisten l\n    bind :18080\n    option tcpka\n    option dontlognull\n    option nolinger\n    option allbackups\n    server s 127.0.0.1:80\n",
    ),
    same(
        "proxy: an option of the other half",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    option dontlognull\n",
    ),
    same(
        "proxy: id twice",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    id 10\nbackend c\n id 10\n",
    ),
    same(
        "proxy: log global without any",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    log global\n    server s 127.0.0.1:80\n",
    ),
    same(
        "proxy: no log",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    no log\n    server s 127.0.0.1:80\n",
    ),
    same(
        "proxy: backlog",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    backlog 100\n",
    ),
    same(
        "balance: roundrobin",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance roundrobin\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: static-rr",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance static-rr\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: leastconn",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance leastconn\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: first",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance first\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: source",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance source\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: random",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance random\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: random(3)",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance random(3)\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: uri",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    balance uri\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: uri whole",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    balance uri whole\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: uri depth 2 len 10",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    balance uri depth 2 len 10\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: url_param x",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    balance url_param x\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: hdr(host)",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    balance hdr(host)\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: hdr(host) use_domain_only",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    balance hdr(host) use_domain_only\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: rdp-cookie",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance rdp-cookie\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: rdp-cookie(x)",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance rdp-cookie(x)\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: uri in TCP mode",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance uri\n    server s 127.0.0.1:80\n",
    ),
    same(
        "balance: unknown",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance nonsense\n",
    ),
    same(
        "balance: alone",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance\n",
    ),
    same(
        "balance: hdr without a name",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    balance hdr\n",
    ),
    same(
        "balance: random without a number",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance random(x)\n",
    ),
    same(
        "balance: in a frontend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    balance source\n",
    ),
    same(
        "hash-type: consistent",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    balance source\n    hash-type consistent\n    server s 127.0.0.1:80\n",
    ),
    same(
        "hash-type: unknown",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    hash-type nonsense\n",
    ),
    same(
        "hash-type: a function",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    hash-type map-based djb2\n",
    ),
    same(
        "hash-type: an unknown function",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    hash-type map-based nonsense\n",
    ),
    same(
        "hash-balance-factor",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    hash-balance-factor 150\n",
    ),
    same(
        "hash-balance-factor: too small",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    hash-balance-factor 50\n",
    ),
    same(
        "server: everything",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 check inter 1s fastinter 500ms downinter 5s rise 1 fall 1 weight 5 maxconn 10 minconn 5 maxqueue 5 backup disabled slowstart 10s port 81 addr 127.0.0.2\n",
    ),
    same(
        "server: in a frontend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    server s 127.0.0.1:80\n",
    ),
    same(
        "server: in defaults",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n server s 127.0.0.1:80\n",
    ),
    same(
        "server: without an address",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s\n",
    ),
    same(
        "server: without a name",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server\n",
    ),
    same(
        "server: a bad name",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s/s 127.0.0.1:80\n",
    ),
    same(
        "server: two of one name",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80\n    server s 127.0.0.1:81\n",
    ),
    same(
        "server: two with one id",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 id 7\n    server t 127.0.0.1:81 id 7\n",
    ),
    same(
        "server: a port range",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80-90\n",
    ),
    same(
        "server: the client's port",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1\n    server t 127.0.0.1:+10\n",
    ),
    same(
        "server: a check without a port",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1 check\n",
    ),
    same(
        "server: a check with its own port",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1 check port 80\n",
    ),
    same(
        "server: a socket",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s unix@/tmp/x check\n    server t /tmp/y\n",
    ),
    same(
        "server: an unknown word",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 nonsense\n",
    ),
    same(
        "server: a weight too large",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 weight 300\n",
    ),
    same(
        "server: a weight of zero",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 weight 0\n",
    ),
    same(
        "server: an interval of zero",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 check inter 0\n",
    ),
    same(
        "server: a rise of zero",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 check rise 0\n",
    ),
    same(
        "server: rise is no number",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 check rise x\n",
    ),
    differs(
        "server: maxconn is no number",
        "Numbers",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 maxconn x\n",
    ),
    same(
        "server: on-marked-down",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 check on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions\n",
    ),
    same(
        "server: on-marked-down unknown",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s 127.0.0.1:80 on-marked-down nonsense\n",
    ),
    same(
        "server: cannot resolve",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    server s no-such-name.invalid:80\n",
    ),
    same(
        "default-server",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    default-server inter 1s rise 1\n    server s 127.0.0.1:80 check\n",
    ),
    same(
        "default-server: alone",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    default-server\n",
    ),
    same(
        "default-server: in a frontend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    default-server inter 1s\n",
    ),
    same(
        "default-server: an unknown word",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    default-server nonsense\n",
    ),
    same(
        "httpchk: plain",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk\n    server s 127.0.0.1:80 check\n",
    ),
    same(
        "httpchk: in full",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk GET /x HTTP/1.1\n    http-check send hdr Host x\n    http-check expect status 200\n    server s 127.0.0.1:80 check\n",
    ),
    same(
        "httpchk: the old form",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk GET /x HTTP/1.1\\r\\nHost:\\ x\n    server s 127.0.0.1:80 check\n",
    ),
    same(
        "httpchk: expect without it",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    http-check expect status 200\n    server s 127.0.0.1:80\n",
    ),
    same(
        "httpchk: expect a range of statuses",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk\n    http-check expect status 200,300-399\n    server s 127.0.0.1:80\n",
    ),
    same(
        "httpchk: expect no status",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk\n    http-check expect status x\n    server s 127.0.0.1:80\n",
    ),
    same(
        "httpchk: expect a string",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk\n    http-check expect ! string error\n    server s 127.0.0.1:80\n",
    ),
    same(
        "httpchk: expect a wrong regular expression",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk\n    http-check expect rstring (\n    server s 127.0.0.1:80\n",
    ),
    same(
        "httpchk: expect a header",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk\n    http-check expect hdr name x value -m beg y\n    server s 127.0.0.1:80\n",
    ),
    same(
        "httpchk: expect an unknown thing",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk\n    http-check expect nonsense x\n    server s 127.0.0.1:80\n",
    ),
    same(
        "httpchk: send an unknown thing",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk\n    http-check send nonsense x\n    server s 127.0.0.1:80\n",
    ),
    same(
        "httpchk: disable-on-404",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    option httpchk\n    http-check disable-on-404\n    server s 127.0.0.1:80\n",
    ),
    same(
        "httpchk: http-check alone",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    http-check\n    server s 127.0.0.1:80\n",
    ),
    same(
        "tcp-check: a dialogue",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    option tcp-check\n    tcp-check connect\n    tcp-check send PING\\r\\n\n    tcp-check expect string +PONG\n    tcp-check send-binary 51\n    tcp-check expect rbinary 2b.*\n    server s 127.0.0.1:80 check\n",
    ),
    same(
        "tcp-check: without the option",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    tcp-check send x\n    server s 127.0.0.1:80\n",
    ),
    same(
        "tcp-check: odd digits",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    option tcp-check\n    tcp-check send-binary 5\n    server s 127.0.0.1:80\n",
    ),
    same(
        "tcp-check: an unknown step",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    option tcp-check\n    tcp-check nonsense\n    server s 127.0.0.1:80\n",
    ),
    same(
        "tcp-check: a port for the connection",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    option tcp-check\n    tcp-check connect port 80\n    server s 127.0.0.1 check\n",
    ),
    same(
        "cookie: insert",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    cookie S insert indirect nocache\n    server s 127.0.0.1:80 cookie a\n",
    ),
    same(
        "cookie: in TCP mode",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n    cookie S insert\n    server s 127.0.0.1:80\n",
    ),
    same(
        "cookie: two modes",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    cookie S insert rewrite\n    server s 127.0.0.1:80\n",
    ),
    same(
        "cookie: an unknown word",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    cookie S nonsense\n    server s 127.0.0.1:80\n",
    ),
    same(
        "cookie: maxidle without insert",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    cookie S rewrite maxidle 1h\n    server s 127.0.0.1:80\n",
    ),
    same(
        "cookie: lives",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    cookie S insert maxidle 1h maxlife 1d httponly secure domain .x.org\n    server s 127.0.0.1:80\n",
    ),
    same(
        "cookie: no cookie",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    no cookie\n    server s 127.0.0.1:80\n",
    ),
    same(
        "forwardfor",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nlisten l\n    bind :18080\n    option forwardfor except 127.0.0.0/8 header X-Client if-none\n    server s 127.0.0.1:80\n",
    ),
    same(
        "forwardfor: in TCP mode",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nlisten l\n    bind :18080\n    option forwardfor\n    server s 127.0.0.1:80\n",
    ),
    same(
        "forwardfor: not a network",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nlisten l\n    bind :18080\n    option forwardfor except x\n    server s 127.0.0.1:80\n",
    ),
    same(
        "errorfile: no such file",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    errorfile 503 /no/such/file\n",
    ),
    same(
        "errorfile: no such status",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    errorfile 999 /dev/null\n",
    ),
    same(
        "errorloc",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    errorloc 503 /sorry\n    errorloc303 500 /sorry\n",
    ),
    same(
        "capture: header and cookie",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    capture request header Host len 20\n    capture response header Server len 20\n    capture cookie S len 20\n",
    ),
    same(
        "capture: without a length",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    capture request header Host\n",
    ),
    same(
        "capture: in a backend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    capture request header Host len 20\n",
    ),
    same(
        "capture: declare",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    declare capture request len 20\n",
    ),
    same(
        "capture: declare in a backend",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    declare capture request len 20\n",
    ),
    same(
        "http-reuse",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    http-reuse always\n    server s 127.0.0.1:80\n",
    ),
    same(
        "http-reuse: unknown",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nbackend b\n    http-reuse nonsense\n    server s 127.0.0.1:80\n",
    ),
    same(
        "monitor-uri",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nfrontend f\n    bind :18080\n    monitor-uri /alive\n",
    ),
    same(
        "monitor-uri: in TCP mode",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    monitor-uri /alive\n",
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
    same(
        "connection modes",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    mode http\nlisten l\n    bind :18080\n    option httpclose\n    option http-server-close\n    no option httpclose\n    option http-keep-alive\n    server s 127.0.0.1:80\n",
    ),
    same(
        "rate-limit",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    rate-limit sessions 10\n",
    ),
    same(
        "rate-limit: unknown",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nfrontend f\n    bind :18080\n    rate-limit nonsense 10\n",
    ),
    same(
        "userlist: users and groups",
        "userlist u\n group g users a,b\n user a groups g\n user b insecure-password x\n",
    ),
    same("userlist: an unknown user", "userlist u\n group g users c\n user a\n"),
    same("userlist: an unknown group", "userlist u\n user a groups g\n"),
    same("userlist: a user twice", "userlist u\n user a\n user a\n"),
    same("userlist: without a name", "userlist\n user a\n"),
    same("userlist: an unknown word", "userlist u\n nonsense\n"),
    same("userlist: twice", "userlist u\nuserlist u\n"),
    same(
        "http-errors: unknown",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nhttp-errors e\nbackend b\n mode http\n errorfiles f\n",
    ),
    same(
        "http-errors: known",
        "http-errors e\n errorfile 503 /dev/null\nbackend b\n mode http\n errorfiles e 503\n",
    ),
    same(
        "http-errors: a status that it lacks",
        "http-errors e\n errorfile 503 /dev/null\nbackend b\n mode http\n errorfiles e 503 400\n",
    ),
    same("http-errors: twice", "http-errors e\nhttp-errors e\n"),
    same("http-errors: an unknown word", "http-errors e\n nonsense\n"),
    same(
        "agent: no port",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n server s 127.0.0.1:80 agent-check\n",
    ),
    same(
        "agent: everything",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n server s 127.0.0.1:80 agent-check agent-port 80 agent-addr 127.0.0.2 agent-send x agent-inter 1s\n",
    ),
    same(
        "agent: an interval of zero",
        "defaults\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\nbackend b\n server s 127.0.0.1:80 agent-check agent-port 80 agent-inter 0\n",
    ),
];
