//! The nearest known word, for hints.

/// The candidate that differs from `word` in the fewest letters, if it is near enough to be what was meant.
pub fn nearest<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> Option<String> {
    let candidates: Vec<_> = candidates.collect();
    let found = misspelt(word, &candidates).or_else(|| beginning(word, candidates));
    found.map(|c| format!("did you mean `{c}`?"))
}

/// The same, as the candidate alone.
pub fn nearest_of<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    misspelt(word, candidates)
}

/// The longest candidate of three letters or more that `word` begins with.
pub fn beginning<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let begins = |c: &&str| c.len() >= 3 && word != *c && word.starts_with(c);
    candidates.into_iter().filter(begins).max_by_key(|c| c.len())
}

fn misspelt<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    // A third of the letters, and at least one: what still reads as a slip.
    let most = (word.chars().count() / 3).max(1);
    candidates
        .iter()
        .map(|&c| (distance(word, c, most), c))
        .filter(|(d, _)| *d <= most)
        .min_by_key(|(d, c)| (*d, c.len(), *c))
        .map(|(_, c)| c)
}

/// Edits (insertions, deletions, replacements, swaps of neighbours) between two words; more than `most` where
/// there are more.
fn distance(a: &str, b: &str, most: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > most {
        return most + 1;
    }
    let mut rows = [vec![0; b.len() + 1], (0..=b.len()).collect::<Vec<usize>>(), vec![0; b.len() + 1]];
    for i in 1..=a.len() {
        rows[2][0] = i;
        for j in 1..=b.len() {
            let replace = rows[1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(rows[1][j] + 1).min(rows[2][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[0][j - 2] + 1);
            }
            rows[2][j] = best;
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised() {
        let words = ["path", "path_beg", "req.hdr", "src"];
        let near = |w| nearest(w, words.into_iter());
        assert_eq!(near("pth").as_deref(), Some("did you mean `path`?"));
        assert_eq!(near("path_bge").as_deref(), Some("did you mean `path_beg`?"));
        assert_eq!(near("req.hrd").as_deref(), Some("did you mean `req.hdr`?"));
        assert_eq!(near("source").as_deref(), None);
        assert_eq!(near("src_address").as_deref(), Some("did you mean `src`?"));
        assert_eq!(near("balance"), None);
    }
}
