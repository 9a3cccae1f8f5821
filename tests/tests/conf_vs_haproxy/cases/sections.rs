//! Configurations of the language itself and of its sections.

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
        "if: an unclosed quote in a block that is left out",
        "frontend f\n    bind :18080\n    timeout client 1s\n.if 0\n    nonsense \"unclosed\n.endif\n",
    ),
    same(
        "if: a wrong escape in a block that is left out",
        "frontend f\n    bind :18080\n    timeout client 1s\n.if 0\n    nonsense \\xzz\n.endif\n",
    ),
    same(
        "if: a wrong variable in a block that is left out",
        "frontend f\n    bind :18080\n    timeout client 1s\n.if 0\n    nonsense \"$\"\n.endif\n",
    ),
    same(
        "if: a version that is none",
        "frontend f\n    bind :18080\n    timeout client 1s\n.if version_atleast(x)\n.endif\n",
    ),
    same(
        "if: no version",
        "frontend f\n    bind :18080\n    timeout client 1s\n.if version_before()\n.endif\n",
    ),
    same(
        "if: a predicate without parentheses",
        "frontend f\n    bind :18080\n    timeout client 1s\n.if defined\n.endif\n",
    ),
    same(
        "if: a version of OpenSSL that is none",
        "frontend f\n    bind :18080\n    timeout client 1s\n.if openssl_version_atleast(x)\n.endif\n",
    ),
    same("if: a hexadecimal number", "frontend f\n    bind :18080\n    timeout client 1s\n.if 0x1\n.endif\n"),
    same(
        "if: a comment behind the condition",
        "frontend f\n    bind :18080\n    timeout client 1s\n.if 1 # yes\n.endif\n",
    ),
    differs(
        "sections: two names of defaults",
        "Surplus words",
        "defaults d d2\n    timeout client 1s\nfrontend f\n    bind :18080\n",
    ),
    same(
        "sections: defaults from nothing",
        "defaults d from e\n    timeout client 1s\nfrontend f\n    bind :18080\n",
    ),
    same(
        "sections: a listen section with rules of defaults",
        "defaults d\n    mode http\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    http-request deny\nlisten l from d\n    bind :18080\n",
    ),
    same(
        "sections: a frontend with rules of defaults",
        "defaults d\n    mode http\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    http-request deny\nfrontend f from d\n    bind :18080\n",
    ),
    same(
        "sections: a frontend with responses in defaults",
        "defaults d\n    mode http\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    tcp-response content accept\nfrontend f from d\n    bind :18080\n",
    ),
    same(
        "sections: a backend with responses in defaults",
        "defaults d\n    mode http\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    tcp-response content accept\nbackend b from d\n",
    ),
    same(
        "sections: servers beside a default backend",
        "defaults d\n    mode http\n    timeout client 1s\n    timeout server 1s\n    timeout connect 1s\n    \nlisten l from d\n    bind :18080\n    default_backend b\n    server s 127.0.0.1:80\nbackend b from d\n",
    ),
    differs(
        "sections: no line feed at the end",
        "Last lines without a line feed",
        "frontend f\n    bind :18080\n    timeout client 1s",
    ),
];
