//! docs/reference.md says what the tables say.

use std::path::Path;

#[test]
fn the_reference_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/reference.md");
    let expected = lb_conf::reference::reference();
    if std::env::var_os("LBX_BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let differing = found.lines().zip(expected.lines()).find(|(a, b)| a != b);
    assert!(found == expected, "write it anew with LBX_BLESS=1; the first line that differs: {differing:?}");
}
