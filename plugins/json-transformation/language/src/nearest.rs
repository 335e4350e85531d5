//! The nearest right name for a wrong one.

/// The candidate with the smallest edit distance, if it is near enough to be a slip.
pub fn nearest<'c>(name: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let wanted = name.to_lowercase();
    let limit = (wanted.chars().count() / 3).max(2);
    candidates
        .iter()
        .map(|candidate| (distance(&wanted, &candidate.to_lowercase()), *candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The Levenshtein distance of two short names.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut next = vec![i + 1];
        for (y, pair) in b.iter().zip(row.windows(2)) {
            let (diagonal, above) = match pair {
                [diagonal, above] => (*diagonal, *above),
                _ => continue,
            };
            let left = next.last().copied().unwrap_or(0);
            next.push((left + 1).min(above + 1).min(diagonal + usize::from(x != *y)));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_slips() {
        let names = ["toUpperCaseString", "toLowerCaseString", "toString", "elementAt"];
        assert_eq!(nearest("toUppercaseString", &names), Some("toUpperCaseString"));
        assert_eq!(nearest("elementsAt", &names), Some("elementAt"));
        assert_eq!(nearest("noSuchFunction", &names), None);
    }
}
