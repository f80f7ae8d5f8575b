//! Host names that lead inside by their meaning, whatever they resolve to.

/// Ends of names that never lead to the public internet: of this machine (RFC 6761), of the local link
/// (RFC 6762), of homes (RFC 8375), of companies and clouds (`internal`, set aside by ICANN in 2024), and of
/// other naming systems (RFC 7686, RFC 9476).
const LOCAL_ENDS: [&str; 7] = ["localhost", "local", "home.arpa", "internal", "onion", "alt", "invalid"];

/// Whether a name has a single label, which a search list completes, or one of the ends above.
pub fn is_local(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    !host.contains('.') || LOCAL_ENDS.iter().any(|end| ends_with_labels(host, end))
}

/// `localhost` and the names below it.
pub fn is_this_machine(host: &str) -> bool {
    ends_with_labels(host.trim_end_matches('.'), "localhost")
}

fn ends_with_labels(host: &str, end: &str) -> bool {
    host.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}
