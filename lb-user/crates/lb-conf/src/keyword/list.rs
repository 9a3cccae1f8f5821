//! Lists whose elements may hold commas between parentheses.

use std::ops::Range;

/// The elements with their places.
pub(super) fn split(text: &str) -> impl Iterator<Item = (Range<usize>, &str)> {
    let mut cuts = Vec::new();
    let (mut depth, mut start) = (0_u32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                cuts.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
    }
    cuts.push(start..text.len());
    cuts.into_iter().map(move |range| (range.clone(), text.get(range).unwrap_or_default()))
}
