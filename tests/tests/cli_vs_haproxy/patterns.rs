//! Maps and the patterns of ACLs.

use crate::script::Script;

const CONFIG: &str = "
global
    stats socket {dir}/sock level admin
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 1s
frontend fe
    bind 127.0.0.1:{web}
    acl paths path -f {dir}/paths
    acl folded path -i -f {dir}/folded
    acl networks src -f {dir}/networks
    acl both path_beg -f {dir}/paths
    acl own path -u 77 /one /two
    acl own_folded path -i -u 78 /one
    http-request deny if paths || folded || networks || both || own || own_folded
    http-request set-header a %[path,map({dir}/text.map,none)]
    http-request set-header b %[path,map_beg({dir}/text.map,none)]
    http-request set-header c %[path,map_sub({dir}/text.map,none)]
    http-request set-header d %[src,map_ip({dir}/networks.map,none)]
    http-request set-header e %[src_port,map_int({dir}/numbers.map,none)]
    http-request set-header f %[path,map_str_int({dir}/to_int.map,1)]
    http-request set-header g %[path,map_str_ip({dir}/to_ip.map)]
    http-request set-header h %[path,map_reg({dir}/regex.map,none)]
    default_backend be
backend be
    server s1 {s1}
";

const FILES: &[(&str, &str)] = &[
    ("paths", "/x\n/y\n"),
    ("folded", "/Fold\n"),
    ("networks", "10.0.0.0/8\n1.2.3.4\n"),
    ("text.map", "/1 one\n/2 two  words\n"),
    ("networks.map", "10.0.0.0/8 ten\n1.2.3.4 four\n"),
    ("numbers.map", "1:5 low\n7 seven\n"),
    ("to_int.map", "/a 5\n"),
    ("to_ip.map", "/a 1.2.3.4\n"),
    ("regex.map", "^/(a+)$ got\n"),
];

/// How the sets are numbered and described in words, and how many entries HAProxy counts of files in several places.
const LISTS: &[(&str, &str)] = &[
    (r"(?m)^\d+ \(", "N ("),
    (r"\) .* curr_ver=", ") D curr_ver="),
    (r"(text\.map|paths)(.*) entry_cnt=\d+", "$1$2"),
    (r"(?m)^N \(\).*\n", ""),
];

pub(crate) fn scripts() -> Vec<Script> {
    let script = |name, lines| Script { name, config: CONFIG, files: FILES, lines, blotted: LISTS };
    vec![
        script(
            "patterns::lists",
            &[
                "show map",
                "show acl",
                "show map {dir}/text.map",
                "show acl {dir}/paths",
                "show acl #77",
                "show map {dir}/paths",
                "show acl {dir}/text.map",
                "show map nope",
                "show acl nope",
                "show map #77",
                "show map #9999",
            ],
        ),
        script(
            "patterns::look_ups",
            &[
                "get map",
                "get map {dir}/text.map",
                "get map {dir}/text.map /1",
                "get map {dir}/text.map /1/x",
                "get map {dir}/text.map /9",
                "get map nope /1",
                "get map {dir}/networks.map 10.1.2.3",
                "get map {dir}/networks.map 1.2.3.4",
                "get map {dir}/networks.map zzz",
                "get map {dir}/numbers.map 3",
                "get map {dir}/numbers.map 7",
                "get map {dir}/numbers.map x",
                "get map {dir}/to_int.map /a",
                "get map {dir}/to_ip.map /a",
                "get map {dir}/regex.map /aa",
                "get acl",
                "get acl {dir}/paths",
                "get acl {dir}/paths /x",
                "get acl {dir}/paths /xy",
                "get acl {dir}/folded /FOLD",
                "get acl {dir}/networks 10.1.2.3",
                "get acl {dir}/networks ::1",
                "get acl #77 /two",
                "get acl #78 /ONE",
                "get acl nope /x",
            ],
        ),
        script(
            "patterns::changes",
            &[
                "add map",
                "add map {dir}/text.map",
                "add map {dir}/text.map /3",
                "add map {dir}/text.map /3 three",
                "add map {dir}/text.map /3 three-b",
                "add map nope /3 three",
                "show map {dir}/text.map",
                "set map {dir}/text.map /3 drei",
                "set map {dir}/text.map /9 neun",
                "set map {dir}/text.map",
                "set map {dir}/text.map /3",
                "set map nope /3 drei",
                "set map {dir}/text.map #12 drei",
                "show map {dir}/text.map",
                "del map {dir}/text.map /3",
                "del map {dir}/text.map /3",
                "del map {dir}/text.map",
                "del map nope /3",
                "del map {dir}/text.map #12",
                "add acl",
                "add acl {dir}/paths",
                "add acl {dir}/paths /z",
                "add acl nope /z",
                "show acl {dir}/paths",
                "del acl {dir}/paths /z",
                "del acl {dir}/paths /nope",
                "del acl {dir}/paths",
                "set acl {dir}/paths /x v",
                "add acl #78 /Three",
                "get acl #78 /THREE",
                "clear map",
                "clear map nope",
                "clear map {dir}/text.map",
                "show map {dir}/text.map",
                "clear acl",
                "clear acl nope",
                "clear acl {dir}/paths",
                "show acl {dir}/paths",
            ],
        ),
        script(
            "patterns::payloads",
            &[
                "add map {dir}/text.map <<\\na b c\\nd   e\\n",
                "show map {dir}/text.map",
                "add map {dir}/text.map <<\\nonlykey\\n",
                "add map <<\\na b\\n",
                "add map nope <<\\na b\\n",
                "add acl {dir}/paths <<\\n/p q\\n",
                "show acl {dir}/paths",
                "show map {dir}/text.map",
            ],
        ),
        script(
            "patterns::versions",
            &[
                "prepare map",
                "prepare map nope",
                "prepare acl nope",
                "commit map",
                "commit map {dir}/networks.map",
                "commit map @1 {dir}/networks.map",
                "prepare map {dir}/networks.map",
                "prepare acl {dir}/folded",
                "show map",
                "show acl",
                "add map @1 {dir}/networks.map 11.0.0.0/8 eleven",
                "add map @7 {dir}/networks.map 11.0.0.0/8 eleven",
                "add map @1 {dir}/networks.map",
                "add acl @1 {dir}/folded /v",
                "add acl @7 {dir}/folded /v",
                "show map",
                "show map @1 {dir}/networks.map",
                "show map @0 {dir}/networks.map",
                "show map @9 {dir}/networks.map",
                "show map {dir}/networks.map",
                "show acl @1 {dir}/folded",
                "get map {dir}/networks.map 11.1.1.1",
                "set map {dir}/networks.map 11.0.0.0/8 elf",
                "show map @1 {dir}/networks.map",
                "add map @1 {dir}/networks.map <<\\n12.0.0.0/8 twelve\\n13.0.0.0/8 thirteen\\n",
                "del map {dir}/networks.map 12.0.0.0/8",
                "commit map @9 {dir}/networks.map",
                "commit map @x {dir}/networks.map",
                "commit map @1 nope",
                "commit map @1 {dir}/networks.map",
                "commit map @1 {dir}/networks.map",
                "commit acl @1 {dir}/folded",
                "show map {dir}/networks.map",
                "show acl {dir}/folded",
                "get map {dir}/networks.map 11.1.1.1",
                "get acl {dir}/folded /V",
                "show map",
                "prepare map {dir}/networks.map",
                "prepare map {dir}/networks.map",
                "add map @2 {dir}/networks.map 1.1.1.1 two",
                "add map @3 {dir}/networks.map 1.1.1.1 three",
                "clear map @2 {dir}/networks.map",
                "show map @2 {dir}/networks.map",
                "clear map @9 {dir}/networks.map",
                "show map {dir}/networks.map",
                "clear map @1 {dir}/networks.map",
                "show map {dir}/networks.map",
                "commit map @3 {dir}/networks.map",
                "show map {dir}/networks.map",
                "show map",
            ],
        ),
    ]
}
