//! The nearest known word.

/// The known word that is most like `word`, unless none is like it.
///
/// Up to one edit in three characters counts as like, which catches a swapped, missing or doubled letter in short
/// words and no coincidences. Else it is the longest that the word begins with, as `begin` does with `beg`.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<_> = known.into_iter().collect();
    misspelt(word, &known).or_else(|| lb_expr::hint::beginning(word, known))
}

fn misspelt<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    let distance = |k: &str| strsim::damerau_levenshtein(&word.to_ascii_lowercase(), &k.to_ascii_lowercase());
    // Words far longer than any keyword are not misspelt ones, and the distance costs their product.
    if word.len() > 80 {
        return None;
    }
    // Each letter that a word is longer by is an edit: most need not be compared.
    let near = |k: &&str| k.chars().count().abs_diff(word.chars().count()) <= limit;
    known
        .iter()
        .copied()
        .filter(near)
        .map(|k| (distance(k), k))
        .filter(|(d, k)| *d <= limit && *k != word)
        .min()
        .map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proposes_what_is_near_and_nothing_else() {
        let known = ["balance", "backend", "bind", "mode"];
        assert_eq!(nearest("blance", known), Some("balance"));
        assert_eq!(nearest("Mode", known), Some("mode"));
        assert_eq!(nearest("bnid", known), Some("bind"));
        assert_eq!(nearest("kitchen", known), None);
        assert_eq!(nearest("modeset", known), Some("mode"));
        assert_eq!(nearest("mode", ["mode"]), None);
        assert_eq!(nearest(&"b".repeat(10_000), known), None);
    }
}
